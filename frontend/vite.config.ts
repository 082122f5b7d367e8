import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Relative addresses, so that the app works below any path of a proxy; the server writes where that is into <base>.
export default defineConfig({
  base: "./",
  plugins: [react()],
  build: {
    outDir: "../src/earthcurator/web/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the content security policy allows no data: scripts or fonts
  },
  server: {
    proxy: { "/api": { target: "http://127.0.0.1:8000", ws: true } },
    fs: { allow: [".."] }, // tests of the extension, which is built with what is installed here
  },
  test: { environment: "happy-dom", include: ["src/**/*.test.{ts,tsx}", "../extension/src/**/*.test.ts"] },
});
