import hooks from 'node:async_hooks'
import module, { syncBuiltinESMExports } from 'node:module'

/*
 * Preloaded by `make test`. In each test file, tap records which modules are loaded, for coverage. Without coverage
 * nothing reads these records, and making them takes half of the CPU time of a start.
 */
const { registerHooks } = module
module.registerHooks = (hooks) => registerHooks(hooks.load === undefined ? hooks : {})

/*
 * And it records each promise, to find the test that an error belongs to which nobody has caught. This takes up to half
 * of the time of a test. Without the records such an error ends its file, which fails. `make check` makes the records.
 */
hooks.createHook = () => ({ enable () { return this }, disable () { return this } })
syncBuiltinESMExports()
