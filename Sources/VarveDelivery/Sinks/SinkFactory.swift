package import VarvePlatform

/// The sink that `configuration` describes. It makes no connection yet: a sink that cannot be
/// reached gives `retry` verdicts.
/// - Throws: `SinkError` when this build or the configuration has no such sink.
package func makeSink(
    _ configuration: SinkConfiguration, logger: Logger
) throws(SinkError) -> any Sink {
    throw .notBuilt(type: configuration.type, trait: "SQLite")
}
