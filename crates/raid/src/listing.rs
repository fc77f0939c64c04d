//! The listings of all services as one.
//!
//! Promises: one object of each service is in memory, beside what drivers read ahead; what a service
//! that fails would have listed is unknown from there on, not absent.

use dolium_provider::Error as ServiceError;
use dolium_provider::objects::{ObjectInfo, ObjectKey};
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::BoxStream;

use crate::{Copy, Raid, Service};

/// One object, and what each service has of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub key: ObjectKey,
    /// What each service has, in the order of the array.
    pub copies: Vec<Copy>,
}

/// One service's listing, and what comes next in it.
struct Head {
    service: Service,
    entries: BoxStream<'static, Result<ObjectInfo, ServiceError>>,
    next: Option<ObjectInfo>,
    last: Option<ObjectKey>,
    fault: Option<ServiceError>,
    started: bool,
}

/// All objects, in the order of their keys.
pub struct Rows {
    heads: Vec<Head>,
}

impl Head {
    async fn advance(&mut self) {
        self.started = true;
        if self.fault.is_some() {
            return;
        }
        match self.entries.next().await {
            None => self.next = None,
            Some(Err(error)) => self.fail(error),
            Some(Ok(info)) if self.last.as_ref().is_some_and(|last| info.key <= *last) => {
                let why = "the listing is not in the order of bytes; say ordered_list = \"false\"";
                self.fail(ServiceError::new(
                    dolium_provider::ErrorKind::Unsupported,
                    "ls",
                    why,
                ));
            }
            Some(Ok(info)) => {
                self.last = Some(info.key.clone());
                self.next = Some(self.service.read(info));
            }
        }
    }

    fn fail(&mut self, error: ServiceError) {
        self.next = None;
        self.fault = Some(error);
    }
}

impl Rows {
    /// The next object; nothing behind the last.
    pub async fn next(&mut self) -> Option<Row> {
        let empty = self.heads.iter_mut().filter(|head| !head.started);
        join_all(empty.map(Head::advance)).await;
        let nexts = self.heads.iter().filter_map(|head| head.next.as_ref());
        let key = nexts.map(|info| &info.key).min()?.clone();
        let mut copies = Vec::with_capacity(self.heads.len());
        for head in &mut self.heads {
            copies.push(match &head.next {
                Some(info) if info.key == key => {
                    head.started = false;
                    head.next.take().map_or(Copy::Absent, Copy::Present)
                }
                _ if head.fault.is_some() => Copy::Unknown,
                _ => Copy::Absent,
            });
        }
        Some(Row { key, copies })
    }

    /// Services whose listing failed, and why.
    pub fn faults(&self) -> impl Iterator<Item = (usize, &ServiceError)> {
        let heads = self.heads.iter().enumerate();
        heads.filter_map(|(at, head)| Some((at, head.fault.as_ref()?)))
    }
}

impl Raid {
    /// Lists all objects whose keys begin with a prefix.
    pub fn rows(&self, prefix: &str) -> Rows {
        let heads = self.services.iter().map(|service| Head {
            service: service.clone(),
            entries: service.objects.list(prefix),
            next: None,
            last: None,
            fault: None,
            started: false,
        });
        Rows {
            heads: heads.collect(),
        }
    }
}
