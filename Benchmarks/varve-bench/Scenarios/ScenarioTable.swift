/// All scenarios, in the order they run.
enum ScenarioTable {
    static var all: [Scenario] {
        [
            ProduceScenarios.produce1K(partitions: 1), ProduceScenarios.produce1K(partitions: 4),
            ProduceScenarios.produce100(partitions: 1), ProduceScenarios.produce100(partitions: 4),
            AcknowledgeScenarios.latency, AcknowledgeScenarios.producers,
            ConsumeScenarios.consume(recordBytes: 100, partitions: 1),
            ConsumeScenarios.consume(recordBytes: 1024, partitions: 1),
            ConsumeScenarios.consume(recordBytes: 1024, partitions: 4),
            ConsumeScenarios.tail, PartitionScenario.partitions, StartScenario.start,
            MemoryScenario.memory, CompressedScenario.produce, GroupScenarios.commits,
            GroupScenarios.join, DeliveryScenario.delivery, HistoryScenario.history,
        ]
    }
}
