-- The limits of requests of rate_limit/in_memory/requests.rs on the server's clock; the reasons stand there,
-- and what is changed here is changed there. Times are ticks, as in pace.lua.
--
-- KEYS      for each limit the moment from which its whole quota is there again
-- ARGV      1 the time, in tests; else empty
--           2 by how many the rates are divided
--           3, 4 requests a minute and the quota of the first limit; 5, 6 of the second; and so on
-- returns   the time, then for each limit what is left of it, the ticks to wait, the ticks until it is whole
local T = 16000000
local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min

local now, share = tonumber(ARGV[1]), tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = (time[1] - 1735689600) * T + time[2] * 16
end

local kept = redis.call('MGET', unpack(KEYS))
local every, burst, gone, wait, granted = {}, {}, {}, {}, true
for i = 1, #KEYS do
  every[i] = ceil(60 * T * share / tonumber(ARGV[1 + 2 * i]))
  burst[i] = max(1, floor(tonumber(ARGV[2 + 2 * i]) / share))
  gone[i] = min(max(tonumber(kept[i] or now) - now, 0), burst[i] * every[i])
  wait[i] = max(0, gone[i] - (burst[i] - 1) * every[i])
  granted = granted and wait[i] == 0
end

local reply = { now }
for i = 1, #KEYS do
  if granted then
    gone[i] = gone[i] + every[i]
    -- The key goes ten seconds after it mattered.
    local ms = string.format('%d', ceil(gone[i] / 16000) + 10000)
    redis.call('PSETEX', KEYS[i], ms, string.format('%d', now + gone[i]))
  end
  reply[#reply + 1] = floor((burst[i] * every[i] - gone[i]) / every[i])
  reply[#reply + 1] = wait[i]
  reply[#reply + 1] = gone[i]
end
return reply
