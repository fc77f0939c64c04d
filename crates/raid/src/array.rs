//! An array: its services, and what must be there before the first object.
//!
//! Buckets are created when they are missing. A root that is a directory is created only while no
//! service of the array is ready: later, one that is missing may be a disk that is not mounted, and a
//! fresh empty one in its place would hide that. `init` creates it all the same.

use std::sync::Arc;

use dolium_provider::objects::{ContentTag, ObjectInfo, ObjectService, open_objects};
use dolium_provider::{Error as ServiceError, ErrorKind as ServiceErrorKind, ProviderSettings};
use futures::future::join_all;
use tokio::sync::OnceCell;

use crate::{Copy, Error, ErrorKind, Result, naming};

/// The most services of one array; more would be a mistake.
const SERVICES_MAX: usize = 16;
/// The longest name of an array, so that names of buckets made from it stay below 63 characters.
const NAME_LEN_MAX: usize = 32;

/// How an array keeps its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Every one of two or more services has the whole of every object.
    Mirror,
    /// The same with any number of services; one alone has no redundancy.
    Plain,
}

/// How to reach one service of an array.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    /// What people call it.
    pub name: String,
    /// Its kind and options.
    pub provider: ProviderSettings,
    /// Whether ETags in its listings are checksums of contents. Not where it encrypts by keys of its own.
    pub checksums: bool,
}

/// One service of an array.
#[derive(Debug, Clone)]
pub struct Service {
    /// What people call it.
    pub name: String,
    /// Its objects.
    pub objects: Arc<dyn ObjectService>,
    pub(crate) checksums: bool,
}

impl Service {
    /// A service that is reached in some way.
    pub fn new(name: &str, objects: Arc<dyn ObjectService>) -> Self {
        let name = name.to_owned();
        Self {
            name,
            objects,
            checksums: true,
        }
    }

    /// What a listing says, without what may not be compared.
    pub(crate) fn read(&self, mut info: ObjectInfo) -> ObjectInfo {
        if !self.checksums {
            info.tag = ContentTag::Nothing;
        }
        info
    }

    /// What the service has of an object.
    pub(crate) fn copy(&self, found: std::result::Result<ObjectInfo, ServiceError>) -> Copy {
        match found {
            Ok(info) => Copy::Present(self.read(info)),
            Err(error) if error.kind() == ServiceErrorKind::NotFound => Copy::Absent,
            Err(_) => Copy::Unknown,
        }
    }
}

/// Why a service cannot be written to, in a form that can be told for each object.
#[derive(Debug, Clone)]
struct Unready {
    kind: ServiceErrorKind,
    context: String,
}

/// Several services with the same objects.
#[derive(Debug)]
pub struct Raid {
    name: String,
    layout: Layout,
    pub(crate) services: Vec<Service>,
    prepared: OnceCell<Vec<std::result::Result<(), Unready>>>,
}

fn invalid(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Invalid, why)
}

impl Raid {
    /// Makes an array of services by their settings. Nothing is contacted yet.
    pub fn open(name: &str, layout: Layout, settings: &[ServiceSettings]) -> Result<Self> {
        let services = settings.iter().map(|service| {
            let settings = naming::complete(name, &service.provider);
            let objects = open_objects(&settings).map_err(|source| {
                invalid(format!("service {}: {source}", service.name)).with_source(source)
            })?;
            Ok(Service {
                checksums: service.checksums,
                ..Service::new(&service.name, objects)
            })
        });
        Self::of(name, layout, services.collect::<Result<_>>()?)
    }

    /// Makes an array of services.
    pub fn of(name: &str, layout: Layout, services: Vec<Service>) -> Result<Self> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > NAME_LEN_MAX || !name.bytes().all(plain) {
            return Err(invalid(format!(
                "the array's name {name:?} must be 1 to {NAME_LEN_MAX} of a-z, 0-9 and '-'"
            )));
        }
        let least = if layout == Layout::Mirror { 2 } else { 1 };
        if services.len() < least || services.len() > SERVICES_MAX {
            let count = services.len();
            return Err(invalid(format!(
                "this layout takes {least} to {SERVICES_MAX} services, not {count}"
            )));
        }
        for (at, service) in services.iter().enumerate() {
            let before = &services[..at];
            if service.name.is_empty() || before.iter().any(|other| other.name == service.name) {
                let name = &service.name;
                return Err(invalid(format!(
                    "the service name {name:?} is empty or used twice"
                )));
            }
        }
        let (name, prepared) = (name.to_owned(), OnceCell::new());
        Ok(Self {
            name,
            layout,
            services,
            prepared,
        })
    }

    /// The array without some of its services, which their owner says to leave out.
    pub fn without(mut self, names: &[String]) -> Result<Self> {
        for name in names {
            let before = self.services.len();
            self.services.retain(|service| service.name != *name);
            if self.services.len() == before {
                return Err(invalid(format!("the array has no service {name:?}")));
            }
        }
        if self.services.is_empty() {
            return Err(invalid("no service is left"));
        }
        Ok(self)
    }

    /// The array's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The array's layout.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The services, in the order of the description.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The place of a service in the array.
    pub fn service(&self, name: &str) -> Result<usize> {
        let at = self
            .services
            .iter()
            .position(|service| service.name == name);
        at.ok_or_else(|| invalid(format!("the array has no service {name:?}")))
    }

    /// Creates all buckets, containers and roots that are missing.
    pub async fn init(&self) -> Vec<std::result::Result<(), ServiceError>> {
        join_all(self.services.iter().map(|service| service.objects.create())).await
    }

    /// Sees to it, once, that services can be written to. Tells for each whether it can.
    pub(crate) async fn prepared(&self) -> Vec<std::result::Result<(), ServiceError>> {
        let states = self.prepared.get_or_init(|| self.prepare()).await;
        let told = states.iter().map(|state| {
            let error =
                |unready: &Unready| ServiceError::new(unready.kind, "prepare", &unready.context);
            state.as_ref().copied().map_err(error)
        });
        told.collect()
    }

    async fn prepare(&self) -> Vec<std::result::Result<(), Unready>> {
        let ready = join_all(self.services.iter().map(|service| service.objects.ready())).await;
        // One that does not answer may have been there for long.
        let fresh = ready.iter().all(|ready| matches!(ready, Ok(false)));
        let each = self.services.iter().zip(ready).map(async |(service, ready)| {
            let made = match ready {
                Ok(true) => Ok(()),
                Ok(false) if fresh || !service.objects.abilities().rooted => service.objects.create().await,
                Ok(false) => Err(ServiceError::new(
                    ServiceErrorKind::Unavailable,
                    "prepare",
                    format!(
                        "{} is not there, though others are or may be (unmounted?); `init` creates it",
                        service.objects.place()
                    ),
                )),
                Err(error) => Err(error),
            };
            made.map_err(|error| Unready {
                kind: error.kind(),
                context: error.context().to_owned(),
            })
        });
        join_all(each).await
    }
}
