/* See multiply.ts for the method, functions.ts for the functions. cc -O3 -march=native -shared -fPIC -o kernel.so kernel.c */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = 4, DEPTH = 256, HEIGHT = 64 };

static uint32_t order, kept_rows;
static double *kept, *packed;

static void pack(uint32_t n, const double *b, uint32_t depth) {
  for (uint32_t column = 0; column < n; column += TILE) {
    double *to = packed + column * depth;
    for (uint32_t k = 0; k < depth; k++, to += TILE) {
      memcpy(to, b + (size_t) k * n + column, TILE * sizeof(double));
    }
  }
}

static void add_tile(uint32_t n, const double *a, const double *b, uint32_t depth, double *c) {
  double sum[TILE][TILE] = {{0}};
  for (uint32_t k = 0; k < depth; k++) {
    for (uint32_t i = 0; i < TILE; i++) {
      for (uint32_t j = 0; j < TILE; j++) sum[i][j] += a[(size_t) i * n + k] * b[k * TILE + j];
    }
  }
  for (uint32_t i = 0; i < TILE; i++) {
    for (uint32_t j = 0; j < TILE; j++) c[(size_t) i * n + j] += sum[i][j];
  }
}

static int multiply_rows(uint32_t n, uint32_t rows, const double *a, const double *b, double *c) {
  packed = realloc(packed, (size_t) DEPTH * n * sizeof(double));
  if (packed == NULL) return 0;
  memset(c, 0, (size_t) rows * n * sizeof(double));
  for (uint32_t from = 0; from < n; from += DEPTH) {
    const uint32_t depth = n - from < DEPTH ? n - from : DEPTH;
    pack(n, b + (size_t) from * n, depth);
    for (uint32_t top = 0; top < rows; top += HEIGHT) {
      const uint32_t bottom = top + HEIGHT < rows ? top + HEIGHT : rows;
      for (uint32_t column = 0; column < n; column += TILE) {
        for (uint32_t row = top; row < bottom; row += TILE) {
          add_tile(n, a + (size_t) row * n + from, packed + column * depth, depth,
                   c + (size_t) row * n + column);
        }
      }
    }
  }
  return 1;
}

uint32_t keep(void *input, uint32_t bytes, void *output) {
  const double *given = input;
  order = (uint32_t) given[0];
  kept_rows = (uint32_t) given[1];
  const size_t size = (size_t) order * kept_rows * sizeof(double);
  kept = realloc(kept, size);
  if (kept == NULL) abort();
  memcpy(kept, given + 2, size);
  return 0;
}

uint32_t multiply(void *input, uint32_t bytes, void *output) {
  if (bytes != order * order * sizeof(double)) abort();
  if (!multiply_rows(order, kept_rows, kept, input, output)) abort();
  return order * kept_rows * sizeof(double);
}

uint32_t product(void *input, uint32_t bytes, void *output) {
  const double *given = input;
  const uint32_t n = (uint32_t) given[0], rows = (uint32_t) given[1];
  if (!multiply_rows(n, rows, given + 2, given + 2 + (size_t) n * rows, output)) abort();
  return n * rows * sizeof(double);
}
