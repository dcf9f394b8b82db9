/* SPDX-License-Identifier: MIT */
/*
** Certificates as text, see certificate.h.
*/
#include "tls/certificate.h"

#include <lauxlib.h>
#include <openssl/err.h>
#include <string.h>
#include <uv.h>

/* A day, in seconds. */
#define DAY 86400

GENERAL_NAMES *sr_tls_certificate_names(X509 *certificate) {
  return X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}

bool sr_tls_certificate_name(const GENERAL_NAME *name, char *into, size_t size) {
  int type;
  const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
  const unsigned char *bytes = type == GEN_DNS || type == GEN_IPADD ? ASN1_STRING_get0_data(value) : NULL;
  size_t length = bytes != NULL ? (size_t)ASN1_STRING_length(value) : 0;
  if (bytes != NULL && type == GEN_IPADD)
    return (length == 4 || length == 16) && uv_inet_ntop(length == 4 ? AF_INET : AF_INET6, bytes, into, size) == 0;
  if (bytes == NULL || length >= size || memchr(bytes, '\0', length) != NULL) return false;
  memcpy(into, bytes, length);
  into[length] = '\0';
  return true;
}

static void push_names(lua_State *L, GENERAL_NAMES *names) {
  char text[256];
  lua_Integer count = 0;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
    if (!sr_tls_certificate_name(sk_GENERAL_NAME_value(names, i), text, sizeof text)) continue;
    lua_pushstring(L, text);
    lua_rawseti(L, -2, ++count);
  }
}

/* [-0, +1, m] */
static int l_names(lua_State *L) {
  lua_newtable(L);
  push_names(L, lua_touserdata(L, 1));
  return 1;
}

/* Whatever Lua raises, OpenSSL's memory is given back. [-0, +1, m] */
static void push_freed(lua_State *L, lua_CFunction push, void *value, void (*release)(void *value)) {
  lua_pushcfunction(L, push);
  lua_pushlightuserdata(L, value);
  int status = lua_pcall(L, 1, 1, 0);
  release(value);
  if (status != LUA_OK) lua_error(L);
}

static void free_names(void *names) {
  GENERAL_NAMES_free(names);
}

static void free_bio(void *bio) {
  BIO_free(bio);
}

/* All that was written to it. [-0, +1, m] */
static int l_text(lua_State *L) {
  char *bytes;
  long length = BIO_get_mem_data(lua_touserdata(L, 1), &bytes);
  lua_pushlstring(L, bytes, length > 0 ? (size_t)length : 0);
  return 1;
}

static void set_bio(lua_State *L, const char *key, BIO *bio) {
  push_freed(L, l_text, bio, free_bio);
  lua_setfield(L, -2, key);
}

static BIO *new_bio(lua_State *L) {
  BIO *bio = BIO_new(BIO_s_mem());
  if (bio == NULL) luaL_error(L, "not enough memory");
  return bio;
}

/* "CN=example.org,O=Example", as RFC 2253 has it but in UTF-8. */
static void set_name(lua_State *L, const char *key, const X509_NAME *name) {
  BIO *bio = new_bio(L);
  X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  set_bio(L, key, bio);
}

static void set_serial(lua_State *L, const ASN1_INTEGER *serial) {
  BIO *bio = new_bio(L);
  i2a_ASN1_INTEGER(bio, serial);
  set_bio(L, "serial", bio);
}

static void set_pem(lua_State *L, X509 *certificate) {
  BIO *bio = new_bio(L);
  PEM_write_bio_X509(bio, certificate);
  set_bio(L, "pem", bio);
}

/* Seconds since 1970, as os.time counts. */
static void set_time(lua_State *L, const char *key, const ASN1_TIME *time) {
  int days = 0, seconds = 0;
  ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
  int right = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, time);
  ASN1_TIME_free(epoch);
  if (!right) return;
  lua_pushinteger(L, (lua_Integer)days * DAY + seconds);
  lua_setfield(L, -2, key);
}

static void set_fingerprint(lua_State *L, const X509 *certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length;
  if (X509_digest(certificate, EVP_sha256(), digest, &length) != 1) return;
  luaL_Buffer buffer;
  char *text = luaL_buffinitsize(L, &buffer, (size_t)length * 2);
  for (unsigned i = 0; i < length; i++) {
    text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
    text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
  }
  luaL_pushresultsize(&buffer, (size_t)length * 2);
  lua_setfield(L, -2, "sha256");
}

void sr_tls_certificate_push(lua_State *L, X509 *certificate) {
  lua_createtable(L, 0, 8);
  set_name(L, "subject", X509_get_subject_name(certificate));
  set_name(L, "issuer", X509_get_issuer_name(certificate));
  set_serial(L, X509_get0_serialNumber(certificate));
  set_pem(L, certificate);
  set_time(L, "not_before", X509_get0_notBefore(certificate));
  set_time(L, "not_after", X509_get0_notAfter(certificate));
  set_fingerprint(L, certificate);
  push_freed(L, l_names, sr_tls_certificate_names(certificate), free_names);
  lua_setfield(L, -2, "names");
  ERR_clear_error();
}
