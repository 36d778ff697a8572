package import VarvePlatform

/// What all connections and handlers of one broker share. Thread-safe.
package final class BrokerState: Sendable {
    package let settings: BrokerSettings
    package let clock: any Clock
    package let logger: Logger
    package let metrics = Metrics()
    let connectionLimits: ConnectionLimits
    /// Memory for large requests while they arrive (`queued.max.request.bytes`).
    let frameMemory: MemoryBudget
    /// The one place beyond that budget, see `Connection.reserveForFrame`.
    let frameMemoryExtra = MemoryBudget(bytesMax: 1)
    /// Answered bytes that clients have not taken.
    let responseMemory: MemoryBudget
    /// Connections open now (`max.connections`).
    let connectionCount: MemoryBudget

    init(
        settings: BrokerSettings, limits: ConnectionLimits? = nil, clock: any Clock,
        logger: Logger
    ) {
        self.settings = settings
        self.clock = clock
        self.logger = logger
        connectionLimits = limits ?? ConnectionLimits(settings)
        frameMemory = MemoryBudget(bytesMax: settings.int("queued.max.request.bytes"))
        responseMemory = MemoryBudget(bytesMax: settings.int("varve.queued.max.response.bytes"))
        connectionCount = MemoryBudget(bytesMax: settings.int("max.connections"))
    }
}
