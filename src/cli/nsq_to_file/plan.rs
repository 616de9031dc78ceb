//! What `nsq_to_file` is to do, checked.

use std::{path::PathBuf, time::Duration};

use regex::Regex;

use super::{
    archive::{ArchiveSpec, Place, Rules},
    file_names::{FileNames, NameError, NameSource},
    options::NsqToFileOptions,
};
use crate::{
    cli::tool::{self, Refusal, positive, require},
    client::Options,
    cluster::Timeouts,
    config::host,
    protocol::{ChannelName, TopicName},
};

/// Which topics are archived.
#[derive(Debug)]
pub(super) enum Topics {
    /// These, from the start.
    Fixed(Vec<TopicName>),
    /// Those that nsqlookupds know and that match, looked for again and again if there is an interval.
    Matching(Regex, Option<Duration>),
}

/// What is to be done.
#[derive(Debug)]
pub(super) struct Plan {
    pub topics: Topics,
    pub channel: ChannelName,
    pub nsqds: Vec<String>,
    pub lookupds: Vec<String>,
    /// Of the consumers.
    pub client: Options,
    /// For looking for topics.
    pub http_timeouts: Timeouts,
    pub sync_interval: Duration,
    files: FilePlan,
    /// What is to be said once there is a log.
    pub warnings: Vec<String>,
}

#[derive(Debug)]
struct FilePlan {
    place: Place,
    rules: Rules,
    filename_format: String,
    datetime_format: String,
    host: String,
}

impl Plan {
    /// Checks in upstream's order; log level, arguments and version come before.
    pub fn new(options: NsqToFileOptions) -> Result<Self, Refusal> {
        require(!options.channel.is_empty(), "--channel is required")?;
        let connect = positive("http-client-connect-timeout", options.http_client_connect_timeout)?;
        let request = positive("http-client-request-timeout", options.http_client_request_timeout)?;
        check_addresses(&options)?;
        let level = options.gzip_level;
        let text = format!("invalid --gzip-level value ({level}), should be 1-9");
        require((1..=9).contains(&level), &text)?;
        let has_topics = !options.topics.is_empty() || !options.topic_pattern.is_empty();
        require(has_topics, "--topic or --topic-pattern required")?;
        let has_source = !options.topics.is_empty() || !options.lookupd_http_addresses.is_empty();
        let text = "--lookupd-http-address must be specified when no --topic specified";
        require(has_source, text)?;
        let sync_interval = positive("sync-interval", options.sync_interval)?;
        let mut warnings = Vec::new();
        Ok(Self {
            topics: topics(&options, &mut warnings)?,
            channel: tool::channel(&options.channel)?,
            client: client(&options, &mut warnings)?,
            http_timeouts: Timeouts { connect, request },
            sync_interval,
            files: FilePlan::new(&options)?,
            nsqds: options.nsqd_tcp_addresses,
            lookupds: options.lookupd_http_addresses,
            warnings,
        })
    }

    /// How one topic is archived.
    pub fn archive(&self, topic: &TopicName) -> Result<ArchiveSpec, NameError> {
        let FilePlan { place, rules, filename_format, datetime_format, host } = &self.files;
        let source = NameSource {
            filename_format,
            datetime_format,
            topic: topic.as_str(),
            host,
            pid: std::process::id(),
            gzip: place.gzip_level.is_some(),
            revisions: place.gzip_level.is_some()
                || rules.rotate_size > 0
                || !rules.rotate_interval.is_zero()
                || place.is_separate(),
        };
        Ok(ArchiveSpec {
            label: format!("[{topic}/{}]", self.channel),
            place: place.clone(),
            rules: *rules,
            names: FileNames::new(&source)?,
        })
    }
}

impl FilePlan {
    fn new(options: &NsqToFileOptions) -> Result<Self, Refusal> {
        let output_dir = options.output_dir.clone();
        let work_dir = match options.work_dir.as_os_str().is_empty() {
            true => output_dir.clone(),
            false => options.work_dir.clone(),
        };
        // `.` and `..` are no names in a path that is compared with another.
        let whole = |path: PathBuf| path.components().collect::<PathBuf>();
        let gzip_level = u32::try_from(options.gzip_level).ok().filter(|_| options.gzip);
        let rotate_interval = options.rotate_interval.to_std();
        Ok(Self {
            place: Place { output_dir: whole(output_dir), work_dir: whole(work_dir), gzip_level },
            rules: Rules {
                rotate_size: options.rotate_size,
                rotate_interval: rotate_interval
                    .ok_or_else(|| Refusal::new("--rotate-interval should not be negative"))?,
                skip_empty_files: options.skip_empty_files,
                unsynced_max: options.max_in_flight as usize,
            },
            filename_format: options.filename_format.clone(),
            datetime_format: options.datetime_format.clone(),
            host: host_identifier(&options.host_identifier, &host::hostname()),
        })
    }
}

/// Upstream's first text ends in a full stop here, and only here.
fn check_addresses(options: &NsqToFileOptions) -> Result<(), Refusal> {
    let (nsqds, lookupds) = (&options.nsqd_tcp_addresses, &options.lookupd_http_addresses);
    tool::one_kind(("nsqd-tcp-address", nsqds), ("lookupd-http-address", lookupds)).map_err(
        |Refusal(text)| match nsqds.is_empty() && lookupds.is_empty() {
            true => Refusal(format!("{text}.")),
            false => Refusal(text),
        },
    )
}

fn topics(options: &NsqToFileOptions, warnings: &mut Vec<String>) -> Result<Topics, Refusal> {
    let pattern = Regex::new(&options.topic_pattern)
        .map_err(|error| Refusal(format!("--topic-pattern is no regular expression: {error}")))?;
    if options.topics.is_empty() {
        let refresh = options.topic_refresh.to_std().filter(|refresh| !refresh.is_zero());
        return Ok(Topics::Matching(pattern, refresh));
    }
    let (matching, others): (Vec<_>, Vec<_>) = tool::topics(&options.topics)?
        .into_iter()
        .partition(|topic| pattern.is_match(topic.as_str()));
    let skipped = others.iter().map(|topic| {
        format!("skipping topic {topic} (doesn't match pattern {})", options.topic_pattern)
    });
    warnings.extend(skipped);
    require(!matching.is_empty(), "no --topic matches --topic-pattern")?;
    Ok(Topics::Fixed(matching))
}

/// Upstream passes over what is no option without a word.
fn client(options: &NsqToFileOptions, warnings: &mut Vec<String>) -> Result<Options, Refusal> {
    let mut client = tool::client_options(super::PROGRAM, &[])?;
    // To give a message up is to delete it, and what has often failed here is a disk or a process, not the message.
    client.max_attempts = 0;
    for text in &options.consumer_opts {
        if let Err(error) = client.set_text(text) {
            warnings.push(format!("--consumer-opt={text} is ignored: {error}"));
        }
    }
    client.user_agent = tool::user_agent(super::PROGRAM);
    client.max_in_flight = options.max_in_flight;
    client.check().map_err(Refusal::new)?;
    Ok(client)
}

fn host_identifier(given: &str, hostname: &str) -> String {
    let short = hostname.split('.').next().unwrap_or_default();
    let format = if given.is_empty() { "<SHORT_HOST>" } else { given };
    format.replace("<SHORT_HOST>", short).replace("<HOSTNAME>", hostname)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_identified_as_asked() {
        for (given, expected) in [
            ("", "web1"),
            ("<SHORT_HOST>", "web1"),
            ("<HOSTNAME>-a", "web1.example.com-a"),
            ("own", "own"),
        ] {
            assert_eq!(host_identifier(given, "web1.example.com"), expected);
        }
    }
}
