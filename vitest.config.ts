import { defineConfig } from 'vitest/config';

export default defineConfig({
  ssr: { resolve: { conditions: ['@multigres/source', 'node', 'import', 'default'] } },
  resolve: { conditions: ['@multigres/source', 'node', 'import', 'default'] },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'ci/**/*.test.ts'],
    passWithNoTests: true,
  },
});
