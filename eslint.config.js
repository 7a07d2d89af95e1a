import neostandard from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: ['node_modules', '.node', '.tap', 'var', 'coverage', 'artifacts'] }),
  {
    files: ['**/*.ts'],
    rules: {
      // Types are erased by Node itself, so an import of a type must say so.
      '@typescript-eslint/consistent-type-imports': 'error'
    }
  },
  {
    files: ['templates/assets/*.js', 'src/dashboard/assets/*.js'],
    rules: {
      // The type check knows the names that browsers have.
      'no-undef': 'off'
    }
  },
  {
    rules: {
      'max-len': ['error', { code: 120, ignoreUrls: true, ignoreRegExpLiterals: true }]
    }
  }
]
