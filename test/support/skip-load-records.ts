import module from 'node:module'

/*
 * Preloaded by `make test`. In each test file, tap records which modules are loaded, for coverage. Without coverage
 * nothing reads these records, and making them takes half of the CPU time of a start.
 */
const { registerHooks } = module
module.registerHooks = (hooks) => registerHooks(hooks.load === undefined ? hooks : {})
