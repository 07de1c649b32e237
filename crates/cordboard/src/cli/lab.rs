//! `cordboard lab`: everything on embedded defaults.

use super::OK;
use crate::app::Serves;
use crate::directory_file::Format;
use crate::lab::SeedFile;
use crate::ops::config::{Config, Cti, Listen};
use crate::ops::files;
use crate::ops::logging::{self, LogFormat};
use crate::program::{self, Addresses, Plan};
use anyhow::Context;
use cordboard_core::exchange::CallNames;
use etcetera::BaseStrategy;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An offset is a multiple of this…
const OFFSET_STEP: u16 = 100;
/// … and at most this, so that no two labs meet on a port.
const OFFSET_MAX: u16 = 3_900;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Settings that replace the lab's defaults
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Users, devices and lines that replace the demo directory (the format of `admin import`); when the file has changed, the
    /// lab starts from it afresh
    #[arg(long, value_name = "FILE")]
    directory: Option<PathBuf>,
    /// Where state is kept [default: the user's data home, cordboard/lab]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Start from the seeded state
    #[arg(long)]
    fresh: bool,
    /// Add N (a multiple of 100 up to 3900) to every port
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = offset)]
    offset: u16,
    /// `any` lets the system pick every port
    #[arg(long, value_name = "any", value_parser = ["any"], conflicts_with = "offset")]
    ports: Option<String>,
    /// Write the addresses, once everything listens, to this file
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
    /// Add users p1 … pN with a phone each
    #[arg(long, value_name = "N", default_value_t = 0)]
    population: usize,
    /// Phones answer by themselves after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    auto_answer: Option<Duration>,
    /// How log lines look: text, or json for programs
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        hide_possible_values = true
    )]
    log_format: LogFormat,
}

fn offset(text: &str) -> Result<u16, String> {
    let offset: u16 = text.parse().map_err(|_| "must be a number".to_owned())?;
    if !offset.is_multiple_of(OFFSET_STEP) || offset > OFFSET_MAX {
        return Err(format!(
            "must be a multiple of {OFFSET_STEP} up to {OFFSET_MAX}"
        ));
    }
    Ok(offset)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "must be a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| "must be a number of seconds, not negative".to_owned())
}

pub(super) async fn run(options: Options) -> anyhow::Result<u8> {
    logging::start(options.log_format, "warn");
    let mut config = Config::load(&Config::lab(), options.config.as_deref(), std::env::vars())?;
    files::plan(&mut config);
    if options.ports.is_some() {
        for place in places(&mut config.listen) {
            *place = any_port(place);
        }
    } else {
        for place in places(&mut config.listen) {
            *place = shifted(place, options.offset)?;
        }
    }
    let data = match options.data {
        Some(data) => data,
        None => default_data(options.offset)?,
    };
    let database = data.join("cordboard.db");
    let seed = match &options.directory {
        Some(path) => SeedFile {
            name: path.display().to_string(),
            format: Format::of(path),
            text: std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?,
            replaces: true,
        },
        None => SeedFile::demo(),
    };
    let plan = Plan {
        config,
        database,
        data: data.clone(),
        serves: Serves {
            webdialer: true,
            mobility: true,
            api: true,
            open_api: true,
            lab: true,
        },
        names: CallNames::Counted,
        seed: Some(seed),
        fresh: options.fresh,
        population: options.population,
        auto_answer: options.auto_answer,
        new_admin_token: false,
    };
    let program = program::start(plan).await?;
    if let Some(path) = &options.port_file {
        write_port_file(path, &program.addresses)?;
    }
    let cti = &program.app.config.cti;
    print_welcome(&program.addresses, cti, &data, options.directory.is_none());
    super::stop_signal().await;
    eprintln!("cordboard: stopping");
    program.stop().await;
    Ok(OK)
}

/// Everything the lab listens at.
fn places(listen: &mut Listen) -> [&mut String; 4] {
    let Listen {
        http,
        https,
        openwire,
        openwire_tls,
        ..
    } = listen;
    [http, https, openwire, openwire_tls]
}

fn any_port(place: &str) -> String {
    match place.rsplit_once(':') {
        Some((host, _)) => format!("{host}:0"),
        None => place.to_owned(),
    }
}

fn shifted(place: &str, offset: u16) -> anyhow::Result<String> {
    let Some((host, port)) = place.rsplit_once(':') else {
        return Ok(place.to_owned());
    };
    let port: u16 = port
        .parse()
        .with_context(|| format!("`{place}` has no port number"))?;
    let port = if port == 0 {
        0
    } else {
        port.checked_add(offset)
            .with_context(|| format!("`{place}` cannot be shifted"))?
    };
    Ok(format!("{host}:{port}"))
}

fn default_data(offset: u16) -> anyhow::Result<PathBuf> {
    let home = etcetera::choose_base_strategy()
        .context("there is no home folder; choose a folder with --data")?;
    let name = if offset == 0 {
        "lab".to_owned()
    } else {
        format!("lab-{offset}")
    };
    Ok(home.data_dir().join("cordboard").join(name))
}

/// Written whole or not at all: first beside, then renamed.
fn write_port_file(path: &Path, addresses: &Addresses) -> anyhow::Result<()> {
    let mut content = json!({ "pid": std::process::id(), "phones": {} });
    if let Some(http) = addresses.http {
        content["http"] = json!(format!("http://{http}"));
    }
    if let Some(https) = addresses.https {
        content["https"] = json!(format!("https://{https}"));
    }
    if let Some(openwire) = addresses.openwire {
        content["openwire"] = json!(format!("tcp://{openwire}"));
    }
    if let Some(openwire) = addresses.openwire_tls {
        content["openwire_tls"] = json!(format!("ssl://{openwire}"));
    }
    if let Some(certificate) = &addresses.certificate {
        content["certificate"] = json!(std::path::absolute(certificate)?);
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    std::fs::write(&beside, format!("{content:#}\n"))
        .with_context(|| format!("cannot write {}", beside.display()))?;
    std::fs::rename(&beside, path).with_context(|| format!("cannot write {}", path.display()))
}

#[expect(clippy::print_stdout, reason = "this text is what the command is for")]
fn print_welcome(addresses: &Addresses, cti: &Cti, data: &Path, demo: bool) {
    let http = addresses.http.map(|a| format!("http://{a}"));
    let https = addresses.https.map(|a| format!("https://{a}"));
    println!(
        "cordboard lab is ready. Press Ctrl-C to stop; state is kept in {}.",
        data.display()
    );
    println!();
    let (any, also) = match (&http, &https) {
        (Some(http), also) => (http, also.as_ref()),
        (None, Some(https)) => (https, None),
        (None, None) => return,
    };
    println!("  WebDialer SOAP      {any}/webdialer/services/WebdialerSoapService70?wsdl");
    println!("                      {any}/webdialer/services/WebdialerSoapService?wsdl");
    println!("                      {any}/webdialer/services/webdialer?wsdl");
    println!("  WebDialer pages     {any}/webdialer/Webdialer?destination=1251");
    println!("  Extension Mobility  {any}/emservice/EMServiceServlet");
    println!("  JSON API            {any}/api/v1/openapi.json  {any}/api/v1/events");
    println!("  health, metrics     {any}/healthz  {any}/readyz  {any}/metrics");
    if let Some(also) = also {
        println!("  all of it by TLS    {also}");
    }
    let brokers = [
        addresses.openwire.map(|a| format!("tcp://{a}")),
        addresses.openwire_tls.map(|a| format!("ssl://{a}")),
    ];
    let brokers: Vec<String> = brokers.into_iter().flatten().collect();
    if !brokers.is_empty() {
        println!("  message broker      {}", brokers.join("  "));
        println!("                      in memory: a persistent message lives as long as this lab");
    }
    let queue = &cti.queue;
    match cti.broker.as_str() {
        "off" => {}
        "builtin" if brokers.is_empty() => {}
        "builtin" => println!("  CTI connector       queue {queue} at that broker"),
        broker => println!("  CTI connector       queue {queue} at {broker}"),
    }
    if let Some(certificate) = &addresses.certificate {
        println!("  certificate         {}", certificate.display());
    }
    if !demo {
        return;
    }
    println!();
    println!(
        "  users (password)    bill (123), johndoe (doe), JDOE (jdoe), john (john), carlotta (c1), dstaudt (d1), agent42031 (a1) …"
    );
    println!(
        "  for programs        testAppUser (password) and MobilityManagerUser (supersquirrel) may act for everybody"
    );
    println!(
        "  numbers             5550100 answers after 1 s, …02 to …05 later, …08 rings, …09 is busy; 1251 is johndoe"
    );
    println!(
        "  hot desks           SEP00175A52EE7C, SEP0000000E2901; whoever logs in brings his number: JDOE 2001, john 1004"
    );
    println!(
        "  agents              42031, 42032, 32033: Hello and Login by a message, or `cordboard cti --agent 42031`"
    );
    let program = program_name();
    println!();
    println!(
        "Try, in another terminal: a call by SOAP, what became of it; JDOE sits down at a hot desk, bill calls her and hangs up."
    );
    println!();
    println!(
        "  curl -s {any}/webdialer/services/WebdialerSoapService70 -H 'SOAPAction: \"\"' -H 'Content-Type: text/xml' -d '<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><makeCallSoap xmlns=\"urn:WD70\"><in0><userID>bill</userID><password>123</password></in0><in1>5550100</in1><in2><user>bill</user><deviceName>SEPE8B7480316D6</deviceName></in2></makeCallSoap></e:Body></e:Envelope>'"
    );
    println!("  curl -s {any}/api/v1/calls/c-1");
    println!(
        "  {program} em login SEP00175A52EE7C JDOE --server {any} --user MobilityManagerUser --password supersquirrel"
    );
    println!(
        "  {program} dial 2001 --server {any} --user bill --password 123 --device SEPE8B7480316D6"
    );
    println!(
        "  {program} hangup --server {any} --user bill --password 123 --device SEPE8B7480316D6"
    );
    println!();
}

/// How the reader can start this program again.
fn program_name() -> String {
    std::env::current_exe()
        .ok()
        .map_or_else(|| "cordboard".to_owned(), |path| path.display().to_string())
}
