import { defineConfig } from 'vitest/config';

const conditions = ['@multigres/source', 'node', 'import', 'default'];
const resolution = { ssr: { resolve: { conditions } }, resolve: { conditions } };
const needsPostgres = ['packages/*/src/**/*.pg.test.ts'];

export default defineConfig({
  test: {
    passWithNoTests: true,
    projects: [
      {
        ...resolution,
        test: {
          name: 'unit',
          setupFiles: ['ci/property-seed.ts'],
          include: ['packages/*/src/**/*.test.ts', 'ci/**/*.test.ts'],
          exclude: needsPostgres,
          // A busy machine must not fail a test: time limits are for tests that hang.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        ...resolution,
        test: {
          name: 'postgres',
          setupFiles: ['ci/property-seed.ts'],
          include: needsPostgres,
          testTimeout: 120_000,
          // The first to need a server may have to fetch it.
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
