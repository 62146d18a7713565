/** Of the whole program. */
export const version = '0.1.0';
