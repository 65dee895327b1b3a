/* See kernel.ts for the formula. cc -O3 -shared -fPIC -ffp-contract=off -o kernel.so kernel.c -lm */

#include <math.h>
#include <stdint.h>

static double cumulative(double x) {
  const double k = 1 / (1 + 0.2316419 * fabs(x));
  const double series = k * (0.31938153 +
    k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))));
  const double tail = 0.3989422804014327 * exp(-0.5 * x * x) * series;
  return x < 0 ? tail : 1 - tail;
}

uint32_t price(void *input, uint32_t bytes, void *output) {
  const uint32_t options = bytes / 40;
  for (uint32_t i = 0; i < options; i++) {
    const double *given = (const double *) input + 5 * i;
    double *prices = (double *) output + 2 * i;
    const double spot = given[0], strike = given[1], years = given[2];
    const double rate = given[3], volatility = given[4];
    const double spread = volatility * sqrt(years);
    const double d1 = (log(spot / strike) + (rate + 0.5 * volatility * volatility) * years) / spread;
    const double discounted = strike * exp(-rate * years);
    const double call = spot * cumulative(d1) - discounted * cumulative(d1 - spread);
    prices[0] = call;
    prices[1] = call - spot + discounted;
  }
  return 16 * options;
}
