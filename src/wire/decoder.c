/* SPDX-License-Identifier: MIT */
/*
** The chain of codecs, see decoder.h.
**
** Stage 0 undoes what was applied last and reads from the source; each further stage reads from the
** buffer that it has the one before fill. Nobody runs ahead of the reader by more than such a buffer.
*/
#include "wire/decoder.h"

#include <stdlib.h>
#include <strings.h>

/* What one stage hands to the next at once. */
enum { HANDOVER = 16384 };

/* How many bytes stages may hand over in one run that gives nothing. A body that needs more is an attack. */
enum { IDLE_BOUND = 16777216 };

typedef struct Stage {
  const SrWireCodec *codec;
  void *state;
  SrBuffer input;  /* decoded by the stage before; unused by stage 0 */
  SrWireStep step; /* of its latest run */
} Stage;

struct SrWireDecoder {
  unsigned count; /* of stages */
  size_t idle;    /* bytes handed over in the present run */
  Stage stages[SR_WIRE_CODINGS_MAX];
};

static void add_coding(SrWireCodings *codings, const char *name, size_t length) {
  const SrWireCodec *codec = sr_wire_codec_find(name, length);
  if (length == 0 || (length == 8 && strncasecmp(name, "identity", length) == 0)) return;
  if (codec == NULL || codings->count == SR_WIRE_CODINGS_MAX)
    codings->opaque = true;
  else
    codings->codecs[codings->count++] = codec;
}

static bool is_glue(char byte) {
  return byte == ',' || byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

void sr_wire_codings_add(SrWireCodings *codings, const char *value, size_t length) {
  size_t start = 0;
  for (size_t i = 0; i <= length; i++) {
    if (i < length && !is_glue(value[i])) continue;
    add_coding(codings, value + start, i - start);
    start = i + 1;
  }
}

SrWireDecoder *sr_wire_decoder_new(const SrWireCodings *codings) {
  SrWireDecoder *decoder = calloc(1, sizeof *decoder);
  if (decoder == NULL) return NULL;
  for (unsigned i = codings->count; i-- > 0;) {
    Stage *stage = &decoder->stages[decoder->count];
    stage->codec = codings->codecs[i];
    stage->state = stage->codec->open();
    if (stage->state == NULL) {
      sr_wire_decoder_free(decoder);
      return NULL;
    }
    decoder->count++;
  }
  return decoder;
}

void sr_wire_decoder_free(SrWireDecoder *decoder) {
  if (decoder == NULL) return;
  for (unsigned i = 0; i < decoder->count; i++) {
    decoder->stages[i].codec->close(decoder->stages[i].state);
    sr_buffer_free(&decoder->stages[i].input);
  }
  free(decoder);
}

/* One run of a stage on its input. A stage that is broken stays so. */
static void run_stage(Stage *stage, SrBuffer *input, SrWireSpan *out) {
  SrWireSpan in = {(unsigned char *)sr_buffer_front(input), sr_buffer_length(input)};
  size_t length = in.left;
  if (stage->step == SR_WIRE_STEP_BROKEN) return;
  stage->step = stage->codec->run(stage->state, &in, out);
  sr_buffer_take(input, length - in.left);
}

static void fill(SrWireDecoder *decoder, unsigned index, SrBuffer *source, SrWireSpan *out);

/* Has the stage before write to this one's input. False: it has nothing. */
static bool refill(SrWireDecoder *decoder, unsigned index, SrBuffer *source) {
  unsigned char bytes[HANDOVER];
  SrWireSpan room = {bytes, sizeof bytes};
  Stage *stage = &decoder->stages[index];
  if (index == 0) return false;
  fill(decoder, index - 1, source, &room);
  if (decoder->stages[index - 1].step == SR_WIRE_STEP_BROKEN && room.left == sizeof bytes)
    stage->step = SR_WIRE_STEP_BROKEN;
  if (room.left == sizeof bytes) return false;
  decoder->idle += sizeof bytes - room.left;
  if (decoder->idle <= IDLE_BOUND && sr_buffer_append(&stage->input, (const char *)bytes, sizeof bytes - room.left))
    return true;
  stage->step = SR_WIRE_STEP_BROKEN;
  return false;
}

/* Runs a stage until it has written something, or nothing more can be had. */
static void fill(SrWireDecoder *decoder, unsigned index, SrBuffer *source, SrWireSpan *out) {
  Stage *stage = &decoder->stages[index];
  SrBuffer *input = index == 0 ? source : &stage->input;
  size_t room = out->left;
  do {
    run_stage(stage, input, out);
  } while (out->left == room && stage->step != SR_WIRE_STEP_BROKEN && refill(decoder, index, source));
}

SrWireStep sr_wire_decoder_run(SrWireDecoder *decoder, SrBuffer *source, char *out, size_t size, size_t *count) {
  SrWireSpan room = {(unsigned char *)out, size};
  decoder->idle = false;
  fill(decoder, decoder->count - 1, source, &room);
  *count = size - room.left;
  return decoder->stages[decoder->count - 1].step;
}

bool sr_wire_decoder_ended(const SrWireDecoder *decoder) {
  for (unsigned i = 0; i < decoder->count; i++)
    if (decoder->stages[i].step != SR_WIRE_STEP_END || sr_buffer_length(&decoder->stages[i].input) > 0) return false;
  return true;
}
