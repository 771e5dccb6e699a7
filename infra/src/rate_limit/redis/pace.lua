-- The limiter of rate_limit/in_memory on the server's clock; the reasons stand there, and what is
-- changed here is changed there. Times are ticks (16 in a microsecond) since 2025: whole numbers,
-- which a double holds exactly until 2042.
--
-- KEYS[1]   the connection's state; KEYS[2..] its recipients' buckets
-- ARGV      1 one | group | slow | pace
--           2 the time, in tests; else empty
--           3 the full pace, in messages a second
--           4 by how many it is divided
--           5 ticks from now before which nobody gets a place
--           6 one: the patience; group: how far ahead, in ticks
--           7 group: the batch
--           8 group: its own pace, or empty
-- returns   first the time, then
--   one     0 and the ticks to the place | 1 and the ticks that the connection is busy
--           | 2 and the ticks that the recipient is busy
--   group   the ticks after which to ask again, then for each recipient the ticks to its place, or
--           the ticks that it is busy, negative; those that are missing have no place yet
--   pace    messages in a thousand seconds
local T, NEVER = 16000000, -1125899906842624
local PAIR, BURST, FURTHEST, FORGET, MAX_GAPS = 6 * T, 45, 60 * T, 3 * T / 10, 64
local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min

local op, full, share = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = (time[1] - 1735689600) * T + time[2] * 16
end

local raw = redis.call('GET', KEYS[1])
local state = raw and cmsgpack.unpack(raw) or { last = NEVER, gaps = {}, rivals = {} }

local present = full
if state.braked then
  present = min(full, state.braked + full / 20 * max(0, now - state.braked_at) / T)
end

if op == 'pace' then
  return { now, floor(present / share * 1000 + 0.5) }
end

-- The time between two of so many a second, rounded up; nil when there are none.
local function interval(per_second)
  if per_second > 0 then
    return min(max(ceil(T / per_second), 1), 86400 * T)
  end
end

local step = interval(present / share)

-- The key goes ten seconds after anything in it mattered.
local function save()
  local till = max(state.last + (step or 0), now)
  for _, rival in pairs(state.rivals) do
    till = max(till, rival.strict, rival.till)
  end
  if state.braked then
    till = max(till, state.braked_at + 20 * T)
  end
  redis.call('SET', KEYS[1], cmsgpack.pack(state), 'PX', ceil((till - now) / 16000) + 10000)
end

if op == 'slow' then
  local since = state.braked_at and now - state.braked_at
  if not since or since < 0 or since >= T then
    state.braked, state.braked_at = max(present * 2 / 3, min(1, full)), now
    save()
  end
  return { now }
end

if present >= full then
  state.braked, state.braked_at = nil, nil
end
if state.last > now + FURTHEST then
  state.last, state.gaps = now, {}
end

local from = max(now, now + tonumber(ARGV[5]))
-- Free stretches, as pairs: the taken place before, the taken place after.
local gaps, kept = state.gaps, {}

local function keep(after, before)
  if before - after >= 2 * step and before - step >= now and #kept < 2 * MAX_GAPS then
    kept[#kept + 1], kept[#kept + 2] = after, before
  end
end

local index, after, before = 1, gaps[1], gaps[2]

local function pass()
  keep(after, before)
  index = index + 2
  after, before = gaps[index], gaps[index + 1]
end

local function take(place)
  if before then
    keep(after, place)
    after = place
  else
    keep(max(state.last, from - step), place)
    state.last = place
  end
end

local function finish()
  while before do pass() end
  state.gaps = kept
end

-- Redis writes numbers with 17 digits, which takes it longer than to store them: so they are text.
local fresh = string.format('%d', now + PAIR)

-- How long the recipient's bucket is empty; else nil, and with `fill` a place is taken from it.
-- Mostly it was full, which takes one call.
local function bucket(key, fill)
  if fill and redis.call('SET', key, fresh, 'PX', '6000', 'NX') then return nil end
  -- Never further than full: a clock may have been set back.
  local full_at = min(max(now, tonumber(redis.call('GET', key) or now)), now + BURST * PAIR)
  local wait = full_at - now - (BURST - 1) * PAIR
  if wait > 0 then return wait end
  if fill then
    full_at = full_at + PAIR
    local ms = string.format('%d', ceil((full_at - now) / 16000))
    redis.call('PSETEX', key, ms, string.format('%d', full_at))
  end
end

if op == 'one' then
  local wait = bucket(KEYS[2])
  if wait then return { now, 2, wait } end
  if not step then return { now, 1, T } end
  local place
  while not place do
    if not before then
      place = max(from, state.last + step)
    elseif max(from, after + step) <= before - step then
      place = max(from, after + step)
    else
      pass()
    end
  end
  if place > now + min(tonumber(ARGV[6]), FURTHEST) then return { now, 1, place - now } end
  take(place)
  finish()
  bucket(KEYS[2], true)
  save()
  return { now, 0, place - now }
end

-- A group of a batch.
local ahead, batch = min(tonumber(ARGV[6]), FURTHEST), ARGV[7]
local own_pace = tonumber(ARGV[8])
local own_step = nil
if own_pace then
  own_pace = own_pace / share
  own_step = interval(own_pace)
  if not own_step then return { now, T } end
end
if not step then return { now, T } end
if own_step then
  own_step = max(own_step, ceil(ceil(T / step) * step / ceil(own_pace)))
  if own_step <= step then own_step = nil end
end

-- The batch among the others, and how far it may book.
local rivals, least, slow, crowded = state.rivals, nil, false, false
for id, rival in pairs(rivals) do
  if rival.till < now and rival.strict <= now then
    rivals[id] = nil
  elseif id ~= batch and rival.till >= now then
    crowded = true
    if rival.by_own then
      slow = true
    else
      least = min(least or rival.served, rival.served)
    end
  end
end
local me = rivals[batch]
if not me then
  me = { due = NEVER, strict = NEVER, last = NEVER, served = 0, by_own = own_step ~= nil, till = NEVER }
  rivals[batch] = me
end
if not own_step then me.due, me.strict = NEVER, NEVER end
if least then
  if me.till < now then
    me.served = least
  elseif me.by_own then
    me.served = max(me.served, least)
  end
end
local reach = ahead
if slow and not me.by_own then reach = floor(reach * 2 / 3) end
local lead = me.by_own and floor(ahead / step) or 0
if least and me.served > least + lead then reach = floor(reach / 2) end

local function too_close(place)
  return place < me.strict and (place - me.last) % step ~= 0
end

local function on_beat(earliest)
  if earliest <= before - step then
    return before - floor((before - earliest) / step) * step
  end
end

local function within()
  local earliest = max(from, after + step, me.due)
  local place = on_beat(earliest)
  if place and too_close(place) then return on_beat(max(earliest, me.strict)) end
  return place
end

local function next_place()
  while before do
    local place = within()
    if place then return place end
    pass()
  end
  local last = state.last
  local free = max(from, last + step)
  local place
  if me.due <= free then
    place = free
  elseif last + step <= from then
    place = me.due
  else
    place = last + ceil((me.due - last) / step) * step
  end
  if too_close(place) then return max(free, me.strict) end
  return place
end

local reply, again, busy, most = { now, 0 }, nil, nil, now + reach
local served = me.served
for i = 2, #KEYS do
  -- With nothing in between and no pace of its own, as mostly, the next is simply the next.
  local simple = not before and not own_step
  local place = simple and max(from, state.last + step) or next_place()
  if place > most then
    me.by_own = own_step ~= nil and me.due > now + ahead
    local early = floor(reach / 2)
    if me.by_own then early = crowded and floor(ahead * 5 / 6) or floor(ahead / 2) end
    again = place - early - now
    break
  end
  local wait = bucket(KEYS[i], true)
  if wait then
    busy = min(busy or wait, wait)
    reply[i + 1] = -wait
  else
    if simple and place - state.last <= step then
      state.last = place
    else
      take(place)
    end
    if own_step then
      me.due = max(me.due, from, place - step + 1) + own_step
      me.strict = place + own_step
    end
    me.last = place
    served = served + 1
    reply[i + 1] = place - now
  end
end
finish()
me.served = served
me.till = now + (again or 0) + FORGET
save()
reply[2] = min(again or busy or 0, busy or again or 0)
return reply
