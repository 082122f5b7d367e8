/** Builds the stand-in from what is installed for the app. */
const path = (file) => new URL(file, import.meta.url).pathname;
const installed = (name) => path(`../../../frontend/node_modules/${name}`);

export default {
  root: path("."),
  resolve: { alias: { ol: installed("ol"), proj4: installed("proj4") } },
  build: { emptyOutDir: true },
};
