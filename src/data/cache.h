/* SPDX-License-Identifier: Apache-2.0 */
/* Decoded images kept in memory: whole ones, each put there when it is first decoded, up to a number of bytes. */
#ifndef FV_DATA_CACHE_H
#define FV_DATA_CACHE_H

#include "data/source/source.h"

typedef struct fv_cache fv_cache;

/* For `count` samples decoded with these options; at most `limit` bytes, counted as the context counts them. */
fv_status fv_cache_create(fv_ctx *ctx, int64_t count, int64_t limit, const fv_decode_options *decode, fv_cache **cache);
void fv_cache_destroy(fv_cache **cache);
/* Bytes that an image takes, and that a cache for `count` samples takes without any. */
int64_t fv_cache_cost(const fv_image *image);
int64_t fv_cache_least(int64_t count);
/* Whether images decoded with these options are what the cache holds. */
bool fv_cache_serves(const fv_cache *cache, const fv_decode_options *decode);
/* A copy of sample i, which the caller frees; *hit is false when it is not there (or there is no memory for a copy).
 * Any thread. */
void fv_cache_get(fv_cache *cache, int64_t i, fv_image *image, fv_decode_notes *notes, bool *hit);
/* Keeps a copy if it fits. Any thread. */
void fv_cache_put(fv_cache *cache, int64_t i, const fv_image *image, const fv_decode_notes *notes);
/* Bytes and samples held. */
void fv_cache_stats(const fv_cache *cache, int64_t *bytes, int64_t *samples);

#endif
