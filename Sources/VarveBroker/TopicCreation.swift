package import VarveLog
internal import VarvePlatform

extension BrokerState {
    /// Makes a topic on its first use, with the broker's defaults. Durable on return; another
    /// thread may have been first, which is as good. Takes several syncs: not on an event loop.
    func makeTopicOnFirstUse(_ name: String) throws(LogError) -> Topic {
        if name == Self.offsetsTopic { return try makeOffsetsTopic() }
        if name == Self.transactionsTopic { return try transactions.makeTopic() }
        return try make(name, partitions: settings.int("num.partitions"), overrides: [:])
    }

    /// `__consumer_offsets`, made when it is first needed. Durable on return; takes many syncs.
    package func makeOffsetsTopic() throws(LogError) -> Topic {
        if let topic = directory.topic(Self.offsetsTopic) { return topic }
        return try groups.makeOffsetsTopic()
    }

    private func make(
        _ name: String, partitions: Int, overrides: [String: String]
    ) throws(LogError) -> Topic {
        do throws(LogError) {
            let topic = try directory.createTopic(
                name, partitions: partitions, overrides: overrides, now: clock.wallMilliseconds())
            logger.info("created topic", ["topic": name, "partitions": partitions])
            return topic
        } catch {
            if case .topicExists = error, let topic = directory.topic(name) { return topic }
            throw error
        }
    }
}
