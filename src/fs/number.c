/* SPDX-License-Identifier: MIT */
/* A scan over bytes that are there, begun again when there are more; see number.h. */
#include "fs/number.h"

#include <ctype.h>
#include <locale.h>
#include <string.h>

enum { NOTHING = -1 };

typedef struct Scan {
  const char *bytes;
  size_t size, at;
  bool is_short; /* it looked behind the last byte */
  bool is_long;  /* the numeral is too long */
  char *text;
  size_t length; /* of the text */
} Scan;

static int peek(Scan *scan) {
  if (scan->at < scan->size) return (unsigned char)scan->bytes[scan->at];
  scan->is_short = true;
  return NOTHING;
}

/* The next character is part of the numeral. False: there is no room for it. */
static bool accept(Scan *scan) {
  if (scan->length == SR_FS_NUMERAL) scan->is_long = true;
  if (scan->is_long) return false;
  scan->text[scan->length++] = scan->bytes[scan->at++];
  return true;
}

static bool accept_any(Scan *scan, const char *characters) {
  int c = peek(scan);
  return c > 0 && strchr(characters, c) != NULL && accept(scan);
}

static int accept_digits(Scan *scan, bool is_hexadecimal) {
  int count = 0;
  for (int c = peek(scan); c != NOTHING && (is_hexadecimal ? isxdigit(c) : isdigit(c)); c = peek(scan)) {
    if (!accept(scan)) break;
    count++;
  }
  return count;
}

/* A sign, digits with a point among them, an exponent. */
static void scan_numeral(Scan *scan) {
  const char point[] = {localeconv()->decimal_point[0], '.', '\0'};
  bool is_hexadecimal = false;
  int count = 0;
  accept_any(scan, "-+");
  if (accept_any(scan, "0")) {
    if (accept_any(scan, "xX"))
      is_hexadecimal = true;
    else
      count = 1;
  }
  count += accept_digits(scan, is_hexadecimal);
  if (accept_any(scan, point)) count += accept_digits(scan, is_hexadecimal);
  if (count > 0 && accept_any(scan, is_hexadecimal ? "pP" : "eE")) {
    accept_any(scan, "-+");
    accept_digits(scan, false);
  }
}

bool sr_fs_numeral(SrFsNumeral *numeral, const char *bytes, size_t size, bool is_all) {
  Scan scan = {.bytes = bytes, .size = size, .text = numeral->text};
  while (isspace(peek(&scan))) scan.at++;
  scan_numeral(&scan);
  numeral->text[scan.is_long ? 0 : scan.length] = '\0';
  numeral->taken = scan.at;
  return is_all || !scan.is_short;
}
