/* SPDX-License-Identifier: MIT */
/* Numbers as text, see decimal.h. */
#include "base/decimal.h"

#include <locale.h>
#include <string.h>

size_t sr_decimal_plain(char *text) {
  const char *point = localeconv()->decimal_point;
  char *found = strstr(text, point);
  if (found != NULL && *point != '\0') {
    char *rest = found + strlen(point);
    *found = '.';
    memmove(found + 1, rest, strlen(rest) + 1);
  }
  return strlen(text);
}
