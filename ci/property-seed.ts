// Property tests draw the same cases in every run of ./mg test, so that a red one is red for everybody and stays so until it is mended.
// PROPERTY_SEED=N draws others, PROPERTY_SEED=random new ones each time: for the night, and for those who look for trouble.
import fc from 'fast-check';

const asked = process.env['PROPERTY_SEED'];
if (asked !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(asked ?? 20_261_121) });
