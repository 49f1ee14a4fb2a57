/**
 * Walks over memory in steps so long that each turn touches another page: down the columns of a large matrix. On devices that
 * run on the CPU nothing hides what they wait for but other loads under way, and those go to so many pages at once only.
 *
 * Measured with hand-written column sums of 32 MiB f32 on SwiftShader (subgroups of 4, one vector of 4 elements a lane; a server CPU,
 * in ms, a copy of as many bytes 11): V vectors side by side by R rows in flight.
 *
 *     bytes of a row     V = 1, R = 1   1 x 4   1 x 8   2 x 4   4 x 1   4 x 2   4 x 4   4 x 8
 *     512                      40         23      15      13      14      14      14      24
 *     2048                     37         16      13      11      16      14      11
 *     4096                     36         19      46      15      16      11      12      28
 *     5120                     41         25      33      14      16      13      12
 *     8192                     47         35      34      33      18      15      32      33
 *     16384                    38         34      37      33      18      32      29      29
 *
 * So: as many vectors side by side and rows as keep 8 loads under way, but whose rows together span less than 32 KiB: eight
 * entries of a page table share a line of a cache.
 */

/** Bytes from one turn to the next. */
export const FAR_BYTES = 2048;
/** Smaller tensors stay in a cache, and their pages in its table. */
export const LARGE_BYTES = 2 << 20;
/** Bytes from the first row in flight to the one after the last: less than these. */
export const MOST_SPAN_BYTES = 32 << 10;
/** Loads in flight. */
export const MOST_IN_FLIGHT = 8;
/** Vectors side by side. */
export const VECTORS_ABREAST = 4;
/** The same where the loads of several rows can be under way: each column keeps accumulators of its own. */
export const VECTORS_BESIDE_ROWS = 2;
/** Rows in flight. */
export const MOST_ROWS = 4;
