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
  // One window for all files of a worker, each file in a context of its own: a window for each took 9 times as long.
  test: {
    environment: "happy-dom",
    pool: "vmThreads",
    include: ["src/**/*.test.{ts,tsx}", "../extension/src/**/*.test.ts"],
  },
});
