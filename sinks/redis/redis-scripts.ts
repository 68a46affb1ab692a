/**
 * The keys of a view in Redis. All have the hash tag `{VIEW}`, so that they sit in one slot of a Redis Cluster.
 *
 * | key | type | holds |
 * |---|---|---|
 * | `{VIEW}:value:KEY` | hash | field -> value |
 * | `{VIEW}:keys` | sorted set, scores 0 | every KEY, in the order of its bytes |
 * | `{VIEW}:expiry` | sorted set | KEY by the time it is forgotten at, ms since 1970; no entry for never |
 * | `{VIEW}:marker` | hash | `epoch` and `batch` of the last commit |
 */
export const viewPrefix = (view: string): string => `{${view}}:`;

/** More arguments than that do not fit Lua's stack. */
const UNPACKED_MAX = 4000;
/** Forgotten keys that one commit takes out of the index. */
const FORGOTTEN_PER_COMMIT = 1000;

/**
 * KEYS: marker, keys, expiry. ARGV: prefix, epoch, batch, ttl in seconds, JSON of [[key, [field, value, ...]], ...] in one
 * argument, since the number of arguments is bounded and their total length (512 MB) hardly. Every command before the first HSET only reads, and
 * the marker comes last: whatever stops the script half way leaves a batch that is written again with the same absolute values.
 */
export const COMMIT_SCRIPT = `
local prefix, epoch, batch, ttl = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local marker = redis.call('HMGET', KEYS[1], 'epoch', 'batch')
local seen, done = tonumber(marker[1] or '-1'), tonumber(marker[2] or '-1')
if epoch < seen then return {'fenced', seen, done} end
if batch <= done then
  if epoch > seen then redis.call('HSET', KEYS[1], 'epoch', ARGV[2]) end
  return {'skipped', epoch, done}
end
if batch > done + 1 then return {'gap', seen, done} end
local groups = cjson.decode(ARGV[5])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, ${FORGOTTEN_PER_COMMIT})) do
  if redis.call('EXISTS', prefix .. 'value:' .. key) == 0 then redis.call('ZREM', KEYS[2], key) end
  redis.call('ZREM', KEYS[3], key)
end
for _, group in ipairs(groups) do
  local key, pairs = group[1], group[2]
  local hash = prefix .. 'value:' .. key
  for from = 1, #pairs, ${UNPACKED_MAX} do
    redis.call('HSET', hash, unpack(pairs, from, math.min(from + ${UNPACKED_MAX} - 1, #pairs)))
  end
  redis.call('ZADD', KEYS[2], 0, key)
  if ttl > 0 then
    redis.call('PEXPIREAT', hash, string.format('%.0f', now + ttl * 1000))
    redis.call('ZADD', KEYS[3], string.format('%.0f', now + ttl * 1000), key)
  else
    redis.call('PERSIST', hash)
    redis.call('ZREM', KEYS[3], key)
  end
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'batch', ARGV[3])
return {'written', epoch, batch}
`;

/** KEYS: keys. ARGV: prefix, from, until. The index may still name what has been forgotten. */
export const KEYS_SCRIPT = `
local found = {}
for _, key in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], '[' .. ARGV[2], '(' .. ARGV[3])) do
  if redis.call('EXISTS', ARGV[1] .. 'value:' .. key) == 1 then found[#found + 1] = key end
end
return found
`;

/** KEYS: marker, keys, expiry. ARGV: prefix. The marker goes first: a view without one is written anew from batch 0. */
export const DROP_SCRIPT = `
redis.call('DEL', KEYS[1])
for _, key in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do redis.call('UNLINK', ARGV[1] .. 'value:' .. key) end
redis.call('DEL', KEYS[2], KEYS[3])
return 1
`;
