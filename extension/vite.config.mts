/** Two passes: pages and the service worker as modules, then (`--mode content`) the script for the page as one file. */
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const outDir = "../dist/extension/chrome";
const path = (file: string) => new URL(file, import.meta.url).pathname;

export default defineConfig(({ mode }) => ({
  root: path("."),
  base: "./",
  plugins: [react()],
  build:
    mode === "content"
      ? {
          outDir,
          emptyOutDir: false,
          copyPublicDir: false,
          target: "es2022",
          rolldownOptions: {
            input: path("src/content.ts"),
            output: { format: "iife" as const, entryFileNames: "content.js" },
          },
        }
      : {
          outDir,
          emptyOutDir: true,
          target: "es2022",
          modulePreload: false as const,
          assetsInlineLimit: 0,
          rolldownOptions: {
            input: { panel: path("panel.html"), options: path("options.html"), sw: path("src/sw.ts") },
            // Stores look at what is shipped: names that say what a file is.
            output: {
              entryFileNames: "[name].js",
              chunkFileNames: "parts/[name].js",
              assetFileNames: "parts/[name][extname]",
            },
          },
        },
}));
