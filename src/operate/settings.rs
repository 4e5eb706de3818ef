//! What a service is started with, of its home.

use std::sync::Arc;

use crate::ambient::Ambient;
use crate::disk::space::FileSystems;
use crate::domain::relay::share::Grants;
use crate::service;
use crate::service::door::{self, Quota};

use super::OperateError;
use super::config::{Config, ServiceHome};

/// What a home is served with.
pub(super) fn settings(
    home: &ServiceHome,
    config: &Config,
    ambient: &Ambient,
    clock_is_right: bool,
    addresses: Vec<String>,
) -> Result<service::Settings, OperateError> {
    let enrolment = config.enrolment;
    let high_water = home.high_water(config);
    let beside = high_water.parent().unwrap_or_else(|| home.path()).to_owned();
    Ok(service::Settings {
        name: config.name.parse()?,
        high_water,
        ambient: ambient.clone(),
        clock_is_right,
        limits: door::Limits {
            enrolment: Quota::per_second(enrolment.burst.get(), enrolment.per_second.get()),
            ..door::Limits::default()
        },
        addresses,
        grants: Grants::default(),
        storage: service::Storage {
            space: Arc::new(FileSystems { data: home.data(), high_water: beside }),
            reserve: u64::from(config.storage.reserve) << 20,
        },
    })
}
