import t from 'tap'
import ts from 'typescript'
import { ROOT } from './documents.ts'
import { writeModules } from './modules.ts'

t.test('the types of the examples are right', async (t) => {
  const modules = writeModules(t.testdir())
  const { config } = ts.readConfigFile(`${ROOT}tsconfig.json`, ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT)
  const program = ts.createProgram(modules.map(({ file }) => file), options)
  for (const { file, place, code } of modules) {
    const source = program.getSourceFile(file)!
    const errors = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
    t.same(errors.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')), [], place, { code })
  }
})
