//! RabbitMQ between processes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bellhop_domain::Secret;
use bellhop_domain::ports::{Acknowledge, Delivery, Hint, Queue, QueueError, Subscription};
use futures_util::StreamExt;
use lapin::Acker;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::REDELIVERY_DELAY;

const OPEN_TIMEOUT: Duration = Duration::from_secs(3);
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(3);
/// After a failed connection, publishing fails at once for so long: whoever publishes has the
/// database, and need not wait for the broker again and again.
const AWAY_FOR: Duration = Duration::from_secs(1);
const RETRY_MIN: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// Hints that one subscription holds unacknowledged.
const PREFETCH: u16 = 64;
/// The oldest hints beyond these are dropped by the broker: the sweep publishes them again, and a
/// queue that nobody reads must not fill the broker's disk.
const MAX_LENGTH: i32 = 100_000;
const PERSISTENT: u8 = 2;

/// A durable quorum queue, published to with confirms and read with explicit
/// acknowledgements.
///
/// Publishing and each subscription have a connection of their own: a broker that is short of
/// memory blocks those that publish, and acknowledgements must still get through. Whatever breaks,
/// from a cancelled consumer to a lost broker, ends in the same place: a new connection that
/// declares the queue. (lapin's own recovery gives up after a number of attempts, and does not
/// bring back a queue that somebody deleted.)
pub struct RabbitQueue {
    broker: Arc<Broker>,
    publishing: Mutex<Publishing>,
}

#[derive(Default)]
struct Publishing {
    session: Option<Arc<Session>>,
    away_until: Option<Instant>,
}

struct Broker {
    url: Secret,
    queue: ShortString,
}

struct Session {
    channel: Channel,
    /// Dropped, it would close.
    _connection: Connection,
}

#[derive(Debug, thiserror::Error)]
enum RabbitError {
    #[error("the URL is none for AMQP")]
    Url,
    #[error("it does not answer")]
    Timeout,
    #[error("it did not answer a moment ago")]
    Away,
    #[error("the queue does not take messages")]
    NotTaken,
    #[error(transparent)]
    Amqp(#[from] lapin::Error),
}

impl From<RabbitError> for QueueError {
    fn from(error: RabbitError) -> Self {
        Self(error.into())
    }
}

impl RabbitQueue {
    /// Does not connect yet, so that a broker that is away holds up no start. A URL that is none
    /// for AMQP, which the settings refuse, makes every call fail.
    pub fn connect(url: &Secret, queue: String) -> Self {
        let broker = Broker { url: url.clone(), queue: queue.into() };
        Self { broker: Arc::new(broker), publishing: Mutex::default() }
    }

    async fn session(&self) -> Result<Arc<Session>, RabbitError> {
        let mut publishing = self.publishing.lock().await;
        if let Some(session) = &publishing.session
            && session.channel.status().connected()
        {
            return Ok(session.clone());
        }
        if publishing.away_until.is_some_and(|until| Instant::now() < until) {
            return Err(RabbitError::Away);
        }
        let opened = self.broker.open_to_publish().await.map(Arc::new);
        publishing.away_until = opened.is_err().then(|| Instant::now() + AWAY_FOR);
        publishing.session = opened.as_ref().ok().cloned();
        opened
    }

    async fn forget(&self, broken: &Arc<Session>) {
        let mut publishing = self.publishing.lock().await;
        // Another task may have opened the next one already.
        publishing.session.take_if(|session| Arc::ptr_eq(session, broken));
    }

    async fn publish_body(&self, body: &[u8]) -> Result<(), RabbitError> {
        let session = self.session().await?;
        let published = timeout(CONFIRM_TIMEOUT, self.broker.publish(&session.channel, body)).await;
        let published = published.unwrap_or(Err(RabbitError::Timeout));
        if published.is_err() {
            self.forget(&session).await;
        }
        published
    }
}

impl Broker {
    async fn open(&self) -> Result<Session, RabbitError> {
        let uri = self.url.expose().parse::<AMQPUri>().map_err(|_| RabbitError::Url)?;
        let open = async {
            let properties = ConnectionProperties::default().with_connection_name("bellhop".into());
            let connection = Connection::connect_uri(uri, properties).await?;
            let channel = connection.create_channel().await?;
            self.declare(&channel).await?;
            Ok(Session { channel, _connection: connection })
        };
        timeout(OPEN_TIMEOUT, open).await.unwrap_or(Err(RabbitError::Timeout))
    }

    async fn open_to_publish(&self) -> Result<Session, RabbitError> {
        let session = self.open().await?;
        let confirms = session.channel.confirm_select(ConfirmSelectOptions::default());
        timeout(OPEN_TIMEOUT, confirms).await.map_err(|_| RabbitError::Timeout)??;
        Ok(session)
    }

    async fn open_to_read(&self) -> Result<Reading, RabbitError> {
        let session = self.open().await?;
        let consume = async {
            session.channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
            let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
            // The broker makes up the consumer's name.
            session.channel.basic_consume(self.queue.clone(), "".into(), options, arguments).await
        };
        let consumer = timeout(OPEN_TIMEOUT, consume).await.map_err(|_| RabbitError::Timeout)??;
        Ok(Reading { consumer, _session: session })
    }

    /// Makes the queue unless it is there.
    async fn declare(&self, channel: &Channel) -> Result<(), RabbitError> {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(MAX_LENGTH));
        channel.queue_declare(self.queue.clone(), QueueDeclareOptions::durable(), arguments).await?;
        Ok(())
    }

    async fn publish(&self, channel: &Channel, body: &[u8]) -> Result<(), RabbitError> {
        if self.publish_once(channel, body).await? {
            return Ok(());
        }
        // Returned as unroutable: somebody deleted the queue.
        self.declare(channel).await?;
        if self.publish_once(channel, body).await? { Ok(()) } else { Err(RabbitError::NotTaken) }
    }

    /// `false` when the message was returned or refused.
    async fn publish_once(&self, channel: &Channel, body: &[u8]) -> Result<bool, RabbitError> {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_content_type("application/json".into());
        // Through the default exchange, which routes by queue name and cannot be deleted.
        let confirm = channel.basic_publish("".into(), self.queue.clone(), options, body, properties).await?;
        Ok(match confirm.await? {
            Confirmation::Ack(None) => true,
            Confirmation::Ack(Some(_)) | Confirmation::Nack(_) | Confirmation::NotRequested => false,
        })
    }
}

#[async_trait]
impl Queue for RabbitQueue {
    async fn publish(&self, hint: &Hint) -> Result<(), QueueError> {
        let body = serde_json::to_vec(hint).map_err(|error| QueueError(error.into()))?;
        match self.publish_body(&body).await {
            // The broker was restarted since the last call, most likely.
            Err(RabbitError::Amqp(_)) => Ok(self.publish_body(&body).await?),
            published => Ok(published?),
        }
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription>, QueueError> {
        Ok(Box::new(Reader { broker: self.broker.clone(), reading: None, failures: 0 }))
    }
}

struct Reader {
    broker: Arc<Broker>,
    reading: Option<Reading>,
    /// In a row.
    failures: u32,
}

struct Reading {
    consumer: Consumer,
    _session: Session,
}

impl Reader {
    /// Opens a new session; waits longer after each failure.
    async fn open(&mut self) -> Option<&mut Reading> {
        if self.failures > 0 {
            sleep(RETRY_MIN.saturating_mul(1 << (self.failures - 1).min(8)).min(RETRY_MAX)).await;
        }
        self.failures += 1;
        match self.broker.open_to_read().await {
            Ok(reading) => {
                tracing::info!(queue = %self.broker.queue, "reading the queue");
                Some(self.reading.insert(reading))
            }
            Err(error) => {
                tracing::warn!(queue = %self.broker.queue, %error, "the queue cannot be read, trying on");
                None
            }
        }
    }
}

#[async_trait]
impl Subscription for Reader {
    /// Never `None`: it tries on for as long as the broker is away.
    async fn next(&mut self) -> Option<Delivery> {
        loop {
            let reading = match &mut self.reading {
                Some(reading) => reading,
                None => match self.open().await {
                    Some(reading) => reading,
                    None => continue,
                },
            };
            let delivery = match reading.consumer.next().await {
                Some(Ok(delivery)) => delivery,
                broken => {
                    let error = broken.and_then(Result::err).map(|error| error.to_string());
                    tracing::warn!(queue = %self.broker.queue, error, "reading the queue was interrupted");
                    self.reading = None;
                    continue;
                }
            };
            self.failures = 0;
            let receipt = Receipt { acker: Some(delivery.acker) };
            match serde_json::from_slice(&delivery.data) {
                Ok(hint) => return Some(Delivery { hint, acknowledge: Box::new(receipt) }),
                Err(_) => {
                    // Somebody else's message, or a future version's. It would come again forever.
                    tracing::warn!(queue = %self.broker.queue, bytes = delivery.data.len(), "a message is no hint");
                    Box::new(receipt).ack().await;
                }
            }
        }
    }
}

struct Receipt {
    acker: Option<Acker>,
}

#[async_trait]
impl Acknowledge for Receipt {
    async fn ack(mut self: Box<Self>) {
        let Some(acker) = self.acker.take() else { return };
        // On failure the broker delivers again: late or double, as hints may be.
        if let Err(error) = acker.ack(BasicAckOptions::default()).await {
            tracing::debug!(%error, "a hint could not be acknowledged");
        }
    }
}

impl Drop for Receipt {
    /// The broker itself would deliver again only when the connection ends, and until then count
    /// the hint against the prefetch.
    fn drop(&mut self) {
        let (Some(acker), Ok(runtime)) = (self.acker.take(), Handle::try_current()) else { return };
        runtime.spawn(async move {
            sleep(REDELIVERY_DELAY).await;
            let again = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
            if let Err(error) = acker.nack(again).await {
                tracing::debug!(%error, "a hint could not be given back");
            }
        });
    }
}

#[cfg(test)]
mod tests;
