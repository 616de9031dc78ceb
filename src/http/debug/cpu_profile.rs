//! `/debug/pprof/profile`: where the process spends its time, as `go tool pprof` reads it.

use std::{
    io::{self, Write},
    time::Duration,
};

use actix_web::{
    HttpResponse,
    http::{StatusCode, header::CONTENT_DISPOSITION},
    web,
};
use flate2::{Compression, write::GzEncoder};
use pprof::{Frames, ProfilerGuard, ProfilerGuardBuilder, protos::Message};

use super::pprof::refuse;
use crate::http::Params;

/// Samples per second of CPU time, as Go takes them.
const FREQUENCY: i32 = 100;
const SECONDS: u64 = 30;
/// What is kept of the samples grows with the time.
const SECONDS_MAX: u64 = 120;
/// Where no sample is taken: the unwinder, which is not to be entered twice, and what some systems describe wrongly to it.
/// The profiler's documentation also names libc, through which a broker's system calls go: most of its time would be
/// missing. The handler allocates nothing, and the loader's locks may be taken again by the thread that has them.
const NOT_SAMPLED: [&str; 3] = ["libgcc", "pthread", "vdso"];
/// The profiler itself, which every stack ends in.
const SAMPLER: [&str; 2] = ["pprof::backtrace", "perf_signal_handler"];
/// No more calls deep than this is the profiler.
const SAMPLER_DEPTH: usize = 8;

/// Records for `seconds` and answers with the gzipped profile. One recording at a time.
pub async fn profile(params: Params) -> HttpResponse {
    match record(params.get("seconds")).await {
        Ok(profile) => HttpResponse::Ok()
            .content_type("application/octet-stream")
            .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"profile\""))
            .insert_header(("X-Content-Type-Options", "nosniff"))
            .body(profile),
        Err((status, text)) => refuse(status, &text),
    }
}

type Refusal = (StatusCode, String);

async fn record(seconds: Option<&str>) -> Result<Vec<u8>, Refusal> {
    let time = time(seconds).map_err(|text| (StatusCode::BAD_REQUEST, text))?;
    let recording = blocking(Recording::start).await?;
    actix_rt::time::sleep(time).await;
    blocking(move || recording.finish()).await
}

/// Runs what takes long on a thread where nobody waits for anything else.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProfileError> + Send + 'static,
) -> Result<T, Refusal> {
    match web::block(work).await {
        Ok(done) => done.map_err(|error| (error.status(), error.to_string())),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}

/// How long to record: like Go, the usual time for whatever is no number of seconds.
fn time(seconds: Option<&str>) -> Result<Duration, String> {
    match seconds.and_then(|text| text.parse().ok()) {
        Some(seconds) if seconds > SECONDS_MAX => {
            Err(format!("profiles of at most {SECONDS_MAX} seconds are recorded"))
        }
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Ok(Duration::from_secs(SECONDS)),
    }
}

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
enum ProfileError {
    #[error("could not enable CPU profiling: cpu profiling already in use")]
    InUse,
    #[error("could not record the profile: {0}")]
    NotRecorded(pprof::Error),
    #[error("could not compress the profile: {0}")]
    NotCompressed(#[from] io::Error),
}

impl ProfileError {
    fn status(&self) -> StatusCode {
        match self {
            Self::InUse => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotRecorded(_) | Self::NotCompressed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<pprof::Error> for ProfileError {
    fn from(error: pprof::Error) -> Self {
        match error {
            pprof::Error::Running => Self::InUse,
            error => Self::NotRecorded(error),
        }
    }
}

/// A running profiler; it stops with this.
struct Recording(Option<ProfilerGuard<'static>>);

impl Recording {
    fn start() -> Result<Self, ProfileError> {
        let builder = ProfilerGuardBuilder::default().frequency(FREQUENCY);
        Ok(Self(Some(builder.blocklist(&NOT_SAMPLED).build()?)))
    }

    fn finish(mut self) -> Result<Vec<u8>, ProfileError> {
        let guard = self.0.take().ok_or(ProfileError::InUse)?;
        let report = guard.report().frames_post_processor(without_sampler).build()?;
        drop(guard);
        compress(&report.pprof()?.encode_to_vec())
    }
}

impl Drop for Recording {
    /// Stopping takes a while: where the client has gone away, no other request is to wait for it.
    fn drop(&mut self) {
        let guard = self.0.take();
        if let (Some(guard), Ok(runtime)) = (guard, tokio::runtime::Handle::try_current()) {
            runtime.spawn_blocking(move || drop(guard));
        }
    }
}

fn without_sampler(frames: &mut Frames) {
    let is_sampler = |symbol: &pprof::Symbol| {
        let name = symbol.name();
        SAMPLER.iter().any(|part| name.contains(part))
    };
    let mut newest = frames.frames.iter().take(SAMPLER_DEPTH);
    if let Some(at) = newest.rposition(|frame| frame.iter().any(is_sampler)) {
        frames.frames.drain(..=at);
    }
}

fn compress(profile: &[u8]) -> Result<Vec<u8>, ProfileError> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(profile)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_bounded_and_have_a_default() {
        for (text, seconds) in
            [(None, 30), (Some(""), 30), (Some("0"), 30), (Some("x"), 30), (Some("-1"), 30)]
        {
            assert_eq!(time(text), Ok(Duration::from_secs(seconds)), "{text:?}");
        }
        for seconds in [1, SECONDS_MAX] {
            assert_eq!(time(Some(&seconds.to_string())), Ok(Duration::from_secs(seconds)));
        }
        let refused = time(Some(&(SECONDS_MAX + 1).to_string()));
        assert_eq!(refused, Err("profiles of at most 120 seconds are recorded".to_owned()));
    }
}
