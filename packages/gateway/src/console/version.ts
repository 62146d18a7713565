/** Of the packages; the check `versions` in version.test.ts holds it against package.json. */
export const version = '0.1.0';
