/* SPDX-License-Identifier: MIT */
/*
** Why TLS failed, see reason.h.
*/
#include "tls/reason.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/certificate.h"

/* The longest reason; and how many names of a certificate are told. */
enum { REASON = 512, NAMES = 4 };

typedef struct Words {
  int code;
  const char *text;
} Words;

static const Words of_certificates[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, "the certificate has expired"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "the certificate is not valid yet"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "the certificate is self-signed and not among those trusted"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "the certificate comes from an authority that is not trusted"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "the certificate comes from an authority that is not known"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "the certificate comes from an authority that is not known"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "the certificate comes from an authority that is not known"},
    {X509_V_ERR_CERT_REVOKED, "the certificate has been revoked"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, "the signature of the certificate is wrong"},
    {X509_V_ERR_INVALID_PURPOSE, "the certificate is for another purpose"},
    {X509_V_ERR_INVALID_CA, "the certificate was signed by one that may not sign"},
    {X509_V_ERR_CA_MD_TOO_WEAK, "the certificate is signed with a digest that is too weak"},
    {X509_V_ERR_EE_KEY_TOO_SMALL, "the key of the certificate is too small"},
};

/* Of this side; OpenSSL's own words are used for the others. */
static const Words of_errors[] = {
    {SSL_R_UNSUPPORTED_PROTOCOL, "the peer has no version of TLS that is allowed here"},
    {SSL_R_VERSION_TOO_LOW, "the peer has no version of TLS that is allowed here"},
    {SSL_R_NO_SHARED_CIPHER, "the two sides have no cipher in common"},
    {SSL_R_NO_PROTOCOLS_AVAILABLE, "no version of TLS is left to be used"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the client has shown no certificate"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "the two sides have no application protocol (ALPN) in common"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "a record was changed on its way (bad record MAC)"},
    {SSL_R_EXCESSIVE_MESSAGE_SIZE, "the peer's message is longer than the handshake allows"},
    {SSL_R_PACKET_LENGTH_TOO_LONG, "the peer's record is longer than TLS allows"},
};

/* Of the peer, which told them by an alert. */
static const Words of_alerts[] = {
    {SSL_AD_HANDSHAKE_FAILURE, "the peer found no cipher, or no certificate, to its liking (handshake failure)"},
    {SSL_AD_BAD_CERTIFICATE, "the peer does not take our certificate (bad certificate)"},
    {SSL_AD_UNSUPPORTED_CERTIFICATE, "the peer does not take our certificate (unsupported certificate)"},
    {SSL_AD_CERTIFICATE_REVOKED, "the peer says that our certificate has been revoked"},
    {SSL_AD_CERTIFICATE_EXPIRED, "the peer says that our certificate has expired"},
    {SSL_AD_CERTIFICATE_UNKNOWN, "the peer does not take our certificate (certificate unknown)"},
    {SSL_AD_UNKNOWN_CA, "the peer does not know the authority that our certificate comes from (unknown CA)"},
    {SSL_AD_ACCESS_DENIED, "the peer denies access"},
    {SSL_AD_PROTOCOL_VERSION, "the peer wants another version of TLS (protocol version)"},
    {SSL_AD_UNRECOGNIZED_NAME, "the peer does not know the name that was asked for (unrecognized name)"},
    {SSL_AD_CERTIFICATE_REQUIRED, "the peer wants a certificate of ours (certificate required)"},
    {SSL_AD_NO_APPLICATION_PROTOCOL, "the peer has no application protocol (ALPN) in common with us"},
};

static const char *find(const Words *words, size_t count, int code) {
  for (size_t i = 0; i < count; i++)
    if (words[i].code == code) return words[i].text;
  return NULL;
}

#define FIND(words, code) find(words, sizeof(words) / sizeof(words)[0], code)

static char *copy(const char *text) {
  size_t size = strlen(text) + 1;
  char *made = malloc(size);
  return made != NULL ? memcpy(made, text, size) : NULL;
}

/* ---- Certificates ---- */

static void append(char *into, const char *text) {
  size_t length = strlen(into);
  snprintf(into + length, REASON - length, "%s", text);
}

/* "a.example, b.example": some of whom it is for. */
static void append_names(char *into, X509 *certificate) {
  char name[256];
  int told = 0;
  GENERAL_NAMES *names = certificate != NULL ? sr_tls_certificate_names(certificate) : NULL;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
    if (!sr_tls_certificate_name(sk_GENERAL_NAME_value(names, i), name, sizeof name)) continue;
    if (told == NAMES) {
      append(into, ", ...");
      break;
    }
    if (told++ > 0) append(into, ", ");
    append(into, name);
  }
  if (told == 0) append(into, "nobody");
  GENERAL_NAMES_free(names);
}

char *sr_tls_reason_of_certificate(X509 *certificate, int error, const char *name) {
  char text[REASON] = "";
  if (error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH) {
    append(text, "the certificate is for ");
    append_names(text, certificate);
    append(text, ", not for ");
    append(text, name != NULL ? name : "this host");
    return copy(text);
  }
  const char *words = FIND(of_certificates, error);
  if (words != NULL) return copy(words);
  append(text, "the certificate does not prove who it is: ");
  append(text, X509_verify_cert_error_string(error));
  return copy(text);
}

/* ---- Everything else ---- */

/* Whether these may be the first bytes of a peer that speaks TLS: a record of version 3, or a hello of SSL 2. */
static bool is_tls(const SrTlsEngine *engine) {
  const unsigned char *greeting = engine->greeting;
  if (engine->greeting_length == 0 || (engine->context->server && (greeting[0] & 0x80) != 0)) return true;
  return greeting[0] >= 20 && greeting[0] <= 23 && (engine->greeting_length == 1 || greeting[1] == 3);
}

static bool is_http(const SrTlsEngine *engine) {
  static const char *const words[] = {"HTTP/", "GET ", "POST ", "HEAD ", "PUT ", "OPTIONS ", "DELETE ", "CONNECT "};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    size_t length = strlen(words[i]);
    if (engine->greeting_length >= length && memcmp(engine->greeting, words[i], length) == 0) return true;
  }
  return false;
}

/* What the peer said instead of a handshake, as far as it can be printed. */
static char *quote_greeting(const SrTlsEngine *engine) {
  char text[REASON] = "the peer does not speak TLS: it began with \"";
  for (unsigned i = 0; i < engine->greeting_length; i++) {
    unsigned char byte = engine->greeting[i];
    char shown[8];
    snprintf(shown, sizeof shown, byte >= ' ' && byte < 0x7f && byte != '\\' ? "%c" : "\\x%02x", byte);
    append(text, shown);
  }
  append(text, "\"");
  return copy(text);
}

static char *other_reason(unsigned long error) {
  char text[REASON] = "OpenSSL says: ";
  const char *words = ERR_reason_error_string(error);
  append(text, words != NULL ? words : "the connection broke");
  return copy(text);
}

static char *alert_reason(int alert) {
  char text[REASON] = "the peer refused: ";
  const char *words = FIND(of_alerts, alert);
  if (words != NULL) return copy(words);
  append(text, SSL_alert_desc_string_long(alert));
  return copy(text);
}

char *sr_tls_reason_of_greeting(const SrTlsEngine *engine) {
  if (engine->established || is_tls(engine)) return NULL;
  return is_http(engine) ? copy("the peer speaks plain HTTP, not TLS") : quote_greeting(engine);
}

char *sr_tls_reason_of_cut(const SrTlsEngine *engine) {
  char *foreign = sr_tls_reason_of_greeting(engine);
  return foreign != NULL ? foreign : copy("the peer closed the connection during the handshake");
}

/*
** Takes all errors off the queue and gives the one that there was no memory; else the first, or, once the handshake is
** done, the last: what others have left in the queue lies before ours.
*/
static unsigned long take_error(bool is_last) {
  unsigned long found = ERR_get_error(), error = found;
  for (; error != 0; error = ERR_get_error()) {
    if (ERR_GET_REASON(found) == ERR_R_MALLOC_FAILURE) continue;
    if (is_last || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) found = error;
  }
  return found;
}

char *sr_tls_reason(const SrTlsEngine *engine) {
  unsigned long error = take_error(engine->established);
  int code = ERR_GET_REASON(error);
  if (code == ERR_R_MALLOC_FAILURE) return NULL;
  char *foreign = sr_tls_reason_of_greeting(engine);
  if (foreign != NULL) return foreign;
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return other_reason(error);
  if (code > SSL_AD_REASON_OFFSET) return alert_reason(code - SSL_AD_REASON_OFFSET);
  const char *words = FIND(of_errors, code);
  return words != NULL ? copy(words) : other_reason(error);
}
