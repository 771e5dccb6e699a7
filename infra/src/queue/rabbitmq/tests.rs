use super::*;
use bellhop_domain::MessageId;
use lapin::options::QueueDeleteOptions;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const ADDRESS: &str = "127.0.0.1:5672";

async fn queue_at(address: &str) -> RabbitQueue {
    let url = Secret::new(format!("amqp://guest:guest@{address}/%2f"));
    RabbitQueue::connect(&url, format!("test-{}", uuid::Uuid::now_v7()))
}

/// A queue of its own; `None`, said aloud, where no broker answers.
async fn queue() -> Option<RabbitQueue> {
    if TcpStream::connect(ADDRESS).await.is_err() {
        crate::without::left_out(&format!("nothing answers on {ADDRESS} (RabbitMQ)"));
        return None;
    }
    Some(queue_at(ADDRESS).await)
}

async fn delete(queue: &RabbitQueue) {
    let url = Secret::new(format!("amqp://guest:guest@{ADDRESS}/%2f"));
    let session = Broker { url, queue: queue.broker.queue.clone() }.open().await.unwrap();
    session.channel.queue_delete(queue.broker.queue.clone(), QueueDeleteOptions::default()).await.unwrap();
}

fn hint() -> Hint {
    Hint::Messages(vec![MessageId::new(), MessageId::new()])
}

async fn next(reader: &mut Box<dyn Subscription>) -> Delivery {
    timeout(Duration::from_secs(15), reader.next()).await.unwrap().unwrap()
}

async fn is_silent(reader: &mut Box<dyn Subscription>) -> bool {
    timeout(Duration::from_millis(300), reader.next()).await.is_err()
}

#[tokio::test]
async fn hints_survive_without_a_reader_and_come_once() {
    let Some(queue) = queue().await else { return };
    let sent = [hint(), hint()];
    for hint in &sent {
        queue.publish(hint).await.unwrap();
    }
    let mut reader = queue.subscribe().await.unwrap();
    for expected in sent {
        let delivery = next(&mut reader).await;
        assert_eq!(delivery.hint, expected);
        delivery.acknowledge.ack().await;
    }
    drop(reader);
    assert!(is_silent(&mut queue.subscribe().await.unwrap()).await);
    delete(&queue).await;
}

#[tokio::test]
async fn an_unacknowledged_hint_comes_again() {
    let Some(queue) = queue().await else { return };
    let (given_up, abandoned) = (hint(), hint());
    let mut one = queue.subscribe().await.unwrap();
    queue.publish(&given_up).await.unwrap();
    drop(next(&mut one).await);
    let again = next(&mut one).await;
    assert_eq!(again.hint, given_up);
    again.acknowledge.ack().await;
    // A reader that vanishes with its connection.
    queue.publish(&abandoned).await.unwrap();
    let held = next(&mut one).await;
    drop(one);
    let again = next(&mut queue.subscribe().await.unwrap()).await;
    assert_eq!(again.hint, abandoned);
    again.acknowledge.ack().await;
    held.acknowledge.ack().await;
    delete(&queue).await;
}

#[tokio::test]
async fn readers_share_the_work() {
    let Some(queue) = queue().await else { return };
    let (mut one, mut two) = (queue.subscribe().await.unwrap(), queue.subscribe().await.unwrap());
    assert!(is_silent(&mut one).await && is_silent(&mut two).await);
    let sent: Vec<Hint> = (0..20).map(|_| hint()).collect();
    for hint in &sent {
        queue.publish(hint).await.unwrap();
    }
    let mut seen = Vec::new();
    for _ in 0..10 {
        for reader in [&mut one, &mut two] {
            let delivery = next(reader).await;
            seen.push(delivery.hint);
            delivery.acknowledge.ack().await;
        }
    }
    seen.sort();
    assert_eq!(seen, sent);
    delete(&queue).await;
}

#[tokio::test]
async fn a_deleted_queue_is_made_again_by_whoever_needs_it() {
    let Some(queue) = queue().await else { return };
    queue.publish(&hint()).await.unwrap();
    delete(&queue).await;
    let sent = hint();
    queue.publish(&sent).await.unwrap();
    let mut reader = queue.subscribe().await.unwrap();
    let delivery = next(&mut reader).await;
    assert_eq!(delivery.hint, sent, "the first was deleted with its queue");
    delivery.acknowledge.ack().await;
    delete(&queue).await;
    assert!(is_silent(&mut reader).await);
    let sent = hint();
    queue.publish(&sent).await.unwrap();
    let delivery = next(&mut reader).await;
    assert_eq!(delivery.hint, sent);
    delivery.acknowledge.ack().await;
    delete(&queue).await;
}

#[tokio::test]
async fn what_is_no_hint_is_put_aside() {
    let Some(queue) = queue().await else { return };
    for body in [&b"hello"[..], b"{}", b"{\"messages\":[\"conv_1\"]}"] {
        queue.publish_body(body).await.unwrap();
    }
    let sent = hint();
    queue.publish(&sent).await.unwrap();
    let mut reader = queue.subscribe().await.unwrap();
    let delivery = next(&mut reader).await;
    assert_eq!(delivery.hint, sent);
    delivery.acknowledge.ack().await;
    drop(reader);
    assert!(is_silent(&mut queue.subscribe().await.unwrap()).await);
    delete(&queue).await;
}

/// Carries connections to the broker until it is aborted.
async fn proxy(listener: Arc<TcpListener>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut open = tokio::task::JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            open.spawn(async move {
                let mut far = TcpStream::connect(ADDRESS).await.unwrap();
                tokio::io::copy_bidirectional(&mut near, &mut far).await.ok();
            });
        }
    })
}

#[tokio::test]
async fn a_lost_connection_is_made_again() {
    if queue().await.is_none() {
        return;
    }
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
    let queue = queue_at(&listener.local_addr().unwrap().to_string()).await;
    let mut reader = queue.subscribe().await.unwrap();
    let mut before = Vec::new();
    for _ in 0..3 {
        let carrying = proxy(listener.clone()).await;
        let sent = hint();
        queue.publish(&sent).await.unwrap();
        loop {
            let delivery = next(&mut reader).await;
            delivery.acknowledge.ack().await;
            if delivery.hint == sent {
                break;
            }
            // An acknowledgement can go down with its connection: then the broker hands the hint out again.
            assert!(before.contains(&delivery.hint), "{:?}", delivery.hint);
        }
        before.push(sent);
        // Every connection breaks at once, without a word.
        carrying.abort();
        carrying.await.unwrap_err();
    }
    delete(&queue).await;
}

#[tokio::test]
async fn a_broker_that_is_away_holds_nobody_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (address, patience) in [(silent.local_addr().unwrap(), OPEN_TIMEOUT), (closed, Duration::ZERO)] {
        let queue = queue_at(&address.to_string()).await;
        let started = Instant::now();
        let many: Vec<Hint> = (0..20).map(|_| hint()).collect();
        let results = futures_util::future::join_all(many.iter().map(|hint| queue.publish(hint))).await;
        assert!(results.iter().all(Result::is_err));
        assert!(started.elapsed() < patience + Duration::from_secs(1), "{:?}", started.elapsed());
        let mut reader = queue.subscribe().await.unwrap();
        assert!(is_silent(&mut reader).await);
    }
    let error =
        RabbitQueue::connect(&Secret::new("http://x"), "test".to_owned()).publish(&hint()).await.unwrap_err();
    assert_eq!(error.to_string(), "the queue cannot be reached: the URL is none for AMQP");
}
