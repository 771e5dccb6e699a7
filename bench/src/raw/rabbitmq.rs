//! The broker by itself: a quorum queue as Bellhop declares it, published to with confirms, then read.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bellhop_e2e::Scratch;
use bellhop_e2e::services::{Services, place};
use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::table::{Table, number};

/// Messages that wait for their confirms, or for their acknowledgements, at a time.
const WINDOW: u16 = 256;
/// As long as a hint about a chunk of a batch.
const BODY: &[u8] = br#"{"chunk":{"batch":"batch_01jc0000000000000000000000","number":1234}}"#;
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Broker {
    count: usize,
    published: Duration,
    consumed: Duration,
}

impl Broker {
    pub fn print(&self) {
        let mut table = Table::new("RabbitMQ by itself: quorum queue, window 256", &["", "messages", "/s"]);
        for (name, took) in
            [("publish with confirms", self.published), ("consume and acknowledge", self.consumed)]
        {
            let rate = self.count as f64 / took.as_secs_f64();
            table.row(vec![name.to_owned(), self.count.to_string(), number(rate, 0)]);
        }
        table.print();
    }
}

pub async fn run(count: usize) -> Result<Broker> {
    // Its own queue by name, deleted whatever happens.
    let scratch = Scratch::make(Services::at_hand().await).await;
    let queue = format!("{}.send", scratch.name);
    let connection = Connection::connect(&scratch.services.amqp, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    channel.queue_declare(queue.as_str().into(), QueueDeclareOptions::durable(), arguments).await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let began = Instant::now();
    timeout(PATIENCE, publish(&channel, &queue, count)).await.context("publishing takes too long")??;
    let published = began.elapsed();
    let began = Instant::now();
    timeout(PATIENCE, consume(&channel, &queue, count)).await.context("consuming takes too long")??;
    let consumed = began.elapsed();
    connection.close(200, "done".into()).await?;
    Ok(Broker { count, published, consumed })
}

async fn publish(channel: &Channel, queue: &str, count: usize) -> Result<()> {
    let mut waiting = VecDeque::with_capacity(usize::from(WINDOW));
    for _ in 0..count {
        if waiting.len() >= usize::from(WINDOW)
            && let Some(first) = waiting.pop_front()
        {
            confirmed(first).await?;
        }
        let persistent = BasicProperties::default().with_delivery_mode(2);
        let options = BasicPublishOptions::default();
        waiting.push_back(channel.basic_publish("".into(), queue.into(), options, BODY, persistent).await?);
    }
    for one in waiting {
        confirmed(one).await?;
    }
    Ok(())
}

async fn confirmed(published: impl Future<Output = lapin::Result<lapin::Confirmation>>) -> Result<()> {
    ensure!(published.await?.is_ack(), "the broker refused a message");
    Ok(())
}

async fn consume(channel: &Channel, queue: &str, count: usize) -> Result<()> {
    channel.basic_qos(WINDOW, BasicQosOptions::default()).await?;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let mut consumer = channel.basic_consume(queue.into(), "".into(), options, arguments).await?;
    for _ in 0..count {
        let delivery = consumer.next().await.context("the queue was closed")??;
        delivery.acker.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}

/// As the server says in its first words (AMQP 0-9-1, `connection.start`): a table with a long string
/// `version`. The client library keeps them to itself.
pub async fn version(services: &Services) -> Result<String> {
    let (host, port) = place(&services.amqp, 5672);
    let mut stream = TcpStream::connect((host.as_str(), port)).await?;
    stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
    let mut said = vec![0; 4096];
    let length = timeout(Duration::from_secs(3), stream.read(&mut said)).await??;
    let said = &said[..length];
    let key = b"\x07versionS";
    let at = said.windows(key.len()).position(|window| window == key).map(|at| at + key.len());
    let found = at.and_then(|at| {
        let size = u32::from_be_bytes(said.get(at..at + 4)?.try_into().ok()?);
        said.get(at + 4..at + 4 + usize::try_from(size).ok()?)
    });
    Ok(String::from_utf8_lossy(found.unwrap_or(b"?")).into_owned())
}
