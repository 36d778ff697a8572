package import VarvePlatform

/// The sink that `configuration` describes. It makes no connection and no file yet: a sink that
/// cannot be reached gives `retry` or `pause` verdicts.
/// - Throws: `SinkError` when this build or the configuration has no such sink.
package func makeSink(
    _ configuration: SinkConfiguration, logger: Logger
) throws(SinkError) -> any Sink {
    switch configuration {
    case .elasticsearch(let configuration): return try ElasticsearchSink(configuration)
    case .splunk(let configuration): return try SplunkSink(configuration)
    case .syslog(let configuration): return SyslogSink(configuration, disk: PosixDisk())
    case .archive(let configuration):
        return ArchiveSink(configuration, disk: PosixDisk(), logger: logger)
    case .sqlite(let configuration):
        #if VARVE_SQLITE
            return SQLiteSink(configuration)
        #else
            throw .notBuilt(type: "sqlite", trait: "SQLite")
        #endif
    }
}
