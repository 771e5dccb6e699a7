//! News of one process.

use bellhop_domain::ports::{Numbered, Wake, WakeStream};
use futures_util::stream;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Who is further behind than this has been told to look anyway.
const ROOM: usize = 256;

/// News within this process's memory.
pub struct InProcessWake(broadcast::Sender<Numbered>);

impl Default for InProcessWake {
    fn default() -> Self {
        Self(broadcast::channel(ROOM).0)
    }
}

impl Wake for InProcessWake {
    fn publish(&self, news: Numbered) {
        // Without readers there is nobody to wake.
        self.0.send(news).ok();
    }

    fn subscribe(&self) -> WakeStream {
        Box::pin(stream::unfold(self.0.subscribe(), |mut news| async move {
            loop {
                match news.recv().await {
                    Ok(heard) => return Some((heard, news)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use bellhop_domain::PropertyId;
    use futures_util::StreamExt;

    use super::*;

    #[tokio::test]
    async fn all_hear_and_who_is_behind_hears_the_latest() {
        let wake = InProcessWake::default();
        let property = PropertyId::new();
        wake.publish(Numbered { property, last: 0 });
        let (mut a, mut b) = (wake.subscribe(), wake.subscribe());
        for last in 1..=1_000 {
            wake.publish(Numbered { property, last });
        }
        for heard in [&mut a, &mut b] {
            let mut last = 0;
            while last < 1_000 {
                let news = heard.next().await.unwrap();
                assert!(news.last > last && news.property == property);
                last = news.last;
            }
        }
        drop(wake);
        assert!(a.next().await.is_none());
    }
}
