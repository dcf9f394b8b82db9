/* SPDX-License-Identifier: MIT */
/* Writing messages, see writer.h. */
#include "wire/writer.h"

#include <string.h>

/* Writes it with so many digits at least. */
static size_t put_number(char *out, uint64_t number, unsigned base, unsigned least) {
  char digits[SR_WIRE_NUMBER];
  unsigned count = 0;
  do {
    digits[count++] = "0123456789abcdef"[number % base];
    number /= base;
  } while (number > 0);
  while (count < least) digits[count++] = '0';
  for (unsigned i = 0; i < count; i++) out[i] = digits[count - 1 - i];
  return count;
}

size_t sr_wire_put_decimal(char *out, uint64_t number) {
  return put_number(out, number, 10, 1);
}

size_t sr_wire_put_chunk(char *out, uint64_t size) {
  size_t length = put_number(out, size, 16, 1);
  memcpy(out + length, "\r\n", 2);
  return length + 2;
}

/* A day of the calendar, from 1970 on, by the years that begin with March. */
typedef struct Day {
  uint64_t year, month, day;
} Day;

static Day day_of(uint64_t days) {
  uint64_t shifted = days + 719468, era = shifted / 146097, of_era = shifted % 146097;
  uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  uint64_t month = (5 * of_year + 2) / 153;
  Day day = {.day = of_year - (153 * month + 2) / 5 + 1, .month = month < 10 ? month + 3 : month - 9};
  day.year = year + era * 400 + (day.month <= 2);
  return day;
}

void sr_wire_put_date(char out[SR_WIRE_DATE], int64_t seconds) {
  uint64_t time = seconds > 0 ? (uint64_t)seconds : 0, of_day = time % 86400;
  Day day = day_of(time / 86400);
  memcpy(out, "Thu, 00 Jan 1970 00:00:00 GMT", SR_WIRE_DATE);
  memcpy(out, "ThuFriSatSunMonTueWed" + time / 86400 % 7 * 3, 3);
  memcpy(out + 8, "JanFebMarAprMayJunJulAugSepOctNovDec" + (day.month - 1) * 3, 3);
  put_number(out + 5, day.day, 10, 2);
  put_number(out + 12, day.year % 10000, 10, 4);
  put_number(out + 17, of_day / 3600, 10, 2);
  put_number(out + 20, of_day / 60 % 60, 10, 2);
  put_number(out + 23, of_day % 60, 10, 2);
}
