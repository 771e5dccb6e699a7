//! Rust and Lua say the same.

use bellhop_domain::BatchId;

use super::*;
use crate::rate_limit::suite::requests::limit;
use crate::rate_limit::suite::{AHEAD, Dice, MS, START, guest, pace};
use crate::rate_limit::ticks::SECOND;

const KINDS: [Option<f64>; 4] = [None, Some(40.0), Some(333.3), Some(0.7)];

/// Both limiters, and what comes to them.
struct Both<'a> {
    memory: InMemoryRateLimiter,
    redis: &'a RedisRateLimiter,
    dice: Dice,
    at: Ticks,
    connection: ConnectionId,
    batches: [BatchId; 4],
    pace: Pace,
    sent: usize,
    limits: [RequestAsk; 4],
}

impl Both<'_> {
    async fn step(&mut self) {
        let Self { memory, redis, connection, pace, .. } = self;
        let (connection, pace) = (*connection, *pace);
        self.at += match self.dice.roll(100) {
            0 => self.dice.roll(20 * SECOND),
            1..15 => self.dice.roll(300 * MS),
            15..30 => 0,
            _ => self.dice.roll(15 * MS),
        };
        let at = self.at;
        match self.dice.roll(40) {
            0 => {
                memory.brake(at, connection, pace).await;
                redis.brake(at, connection, pace).await;
            }
            1 => {
                let one = memory.present(at, connection, pace).await;
                let other = redis.present(at, connection, pace).await;
                assert!((one - other).abs() < 0.001, "{one} and {other}");
            }
            2..9 => self.request().await,
            9..15 => {
                let (to, patience) = (guest(self.dice.roll(20) as usize), duration(self.dice.roll(80 * MS)));
                let one = memory.single(at, (connection, &to), pace, patience).await;
                assert_eq!(one, redis.single(at, (connection, &to), pace, patience).await);
            }
            _ => self.group().await,
        }
    }

    async fn request(&mut self) {
        let at = self.at;
        let (one, other) = (self.dice.roll(4) as usize, self.dice.roll(4) as usize);
        let both = [self.limits[one], self.limits[other]];
        let asks = if one == other { &both[..1] } else { &both[..] };
        for _ in 0..=self.dice.roll(20) {
            assert_eq!(self.memory.request(at, asks).await, self.redis.request(at, asks).await);
        }
    }

    async fn group(&mut self) {
        let kind = self.dice.roll(4) as usize;
        let count = if self.pace.per_second > 1_000 { 200 } else { self.dice.roll(70) };
        let known = guest(self.dice.roll(20) as usize);
        let mut recipients = Vec::new();
        for _ in 0..count {
            self.sent += 1;
            recipients.push(if self.dice.roll(9) == 0 { known.clone() } else { guest(100 + self.sent) });
        }
        let ask = BatchAsk {
            batch: self.batches[kind],
            batch_pace: KINDS[kind],
            connection: self.connection,
            pace: self.pace,
            recipients: &recipients,
            ahead: AHEAD,
        };
        assert_eq!(self.memory.group(self.at, &ask).await, self.redis.group(self.at, &ask).await);
    }
}

/// Anything, in any order: so no difference between the two stays unseen.
#[tokio::test]
async fn it_answers_as_the_one_in_memory() {
    let Some(redis) = make().await else { return };
    for (seed, per_second) in [1_000, 80, 77, 1, 1_000_000, 20].into_iter().enumerate() {
        let mut both = Both {
            memory: InMemoryRateLimiter::new(),
            redis: &redis,
            dice: Dice(seed as u64),
            at: START,
            connection: ConnectionId::new(),
            batches: [(); 4].map(|()| BatchId::new()),
            pace: pace(per_second),
            sent: 0,
            limits: [60, 61, 700, 59_999].map(limit),
        };
        for _ in 0..1_000 {
            both.step().await;
        }
    }
    redis.clean().await;
}
