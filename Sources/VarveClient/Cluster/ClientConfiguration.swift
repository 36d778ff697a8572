package import VarvePlatform
package import VarveWire

/// How to reach a cluster. Names and defaults follow Kafka's client configuration where it has
/// them.
package struct ClientConfiguration: Sendable {
    /// Where to ask first for the cluster's brokers; one of them has to answer.
    package var bootstrap: [Endpoint]
    /// Sent with each request; brokers log it and count by it (`client.id`).
    package var clientID = "varve"
    /// A request that is not answered in this time fails and its connection is given up
    /// (`request.timeout.ms`).
    package var requestTimeoutMilliseconds: Int64 = 30_000
    /// How long one attempt to connect may take (`socket.connection.setup.timeout.ms`).
    package var connectTimeoutMilliseconds: Int64 = 10_000
    /// How long calls that retry by themselves go on (`default.api.timeout.ms`).
    package var callTimeoutMilliseconds: Int64 = 60_000
    /// The first wait before a retry (`retry.backoff.ms`); doubled each time, with 20 % jitter.
    package var retryBackoffMilliseconds: Int64 = 100
    /// The longest wait before a retry (`retry.backoff.max.ms`).
    package var retryBackoffMillisecondsMax: Int64 = 1_000
    /// Metadata older than this is asked for again, so that new partitions are noticed. Kafka's
    /// `metadata.max.age.ms` is 5 minutes; events should not wait so long.
    package var metadataAgeMillisecondsMax: Int64 = 60_000
    /// Responses that claim to be longer break the connection (I8). A fetch may return more than
    /// it asked for when its first batch is larger.
    package var frameBytesMax = 256 << 20
    /// The highest version to use of an API, for brokers that have a newer one and get it wrong.
    package var versionsMax: [ApiKey: Int16] = [:]
    /// Goes through TLS to every broker where it is given (`security.protocol=SSL`). Its files are
    /// looked at for each new connection, so a renewed certificate counts without a restart.
    package var tls: TLSIdentity?
    /// Where reconnects, rebalances and the like are told.
    package var logger: Logger?

    package init(bootstrap: [Endpoint], clientID: String = "varve", logger: Logger? = nil) {
        self.bootstrap = bootstrap
        self.clientID = clientID
        self.logger = logger
    }
}
