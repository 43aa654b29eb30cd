// All rows, in the order of the table.
import { front } from './rows/front.mjs';
import { gate } from './rows/gate.mjs';
import { postgres } from './rows/postgres.mjs';
import { scale } from './rows/scale.mjs';

export const rows = [...postgres, ...front, ...gate, ...scale];
