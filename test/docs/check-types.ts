import { mkdtempSync, rmSync } from 'node:fs'
import ts from 'typescript'
import { ROOT } from './documents.ts'
import { writeModules } from './modules.ts'

/* Type-checks every `ts` block of the documents, for `make types`: it takes as long as checking the whole project. */

const folder = mkdtempSync(`${ROOT}node_modules/.docs-`)
try {
  const modules = writeModules(folder)
  const { config } = ts.readConfigFile(`${ROOT}tsconfig.json`, ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT)
  const program = ts.createProgram(modules.map(({ file }) => file), options)
  for (const { file, place, code } of modules) {
    const source = program.getSourceFile(file)!
    for (const error of [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]) {
      console.error(`${place}: ${ts.flattenDiagnosticMessageText(error.messageText, '\n')}\n\n${code}`)
      process.exitCode = 1
    }
  }
} finally {
  rmSync(folder, { recursive: true })
}
