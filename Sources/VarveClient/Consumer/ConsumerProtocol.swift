internal import VarvePlatform
internal import VarveWire

/// What consumers put into JoinGroup and SyncGroup, between themselves and past the broker.
enum ConsumerProtocol {
    /// The protocol type of consumer groups.
    static let type = "consumer"

    /// The metadata of one member for one assignor.
    /// - Parameter owned: what the member holds and means to keep, and since which generation.
    static func subscription(
        _ topics: [String], owned: [TopicPartition], generation: Int32
    ) throws(ClientError) -> ByteSlice {
        var subscription = ConsumerSubscription()
        subscription.topics = topics.sorted()
        subscription.ownedPartitions = grouped(owned)
        subscription.generationId = generation
        // Clients older than Kafka 3.2 read the generation here, where the sticky assignor used to
        // put it (KIP-429).
        var userData = ByteWriter(capacity: 16)
        userData.int32(generation)
        subscription.userData = userData.finish()
        do throws(WireError) {
            return try subscription.encoded()
        } catch {
            throw .wire(error)
        }
    }

    /// A member's metadata as an assignor needs it. Members of other clients may write older
    /// versions, without what they own.
    static func member(
        id: String, instanceID: String?, _ metadata: ByteSlice
    ) throws(ClientError) -> AssignmentMember {
        let subscription: ConsumerSubscription
        do throws(WireError) {
            subscription = try ConsumerSubscription.decode(metadata)
        } catch {
            throw .wire(error)
        }
        var generation = subscription.generationId
        if generation < 0, let userData = subscription.userData, userData.count == 4 {
            generation = userData.withUnsafeBytes {
                Int32(bigEndian: $0.loadUnaligned(as: Int32.self))
            }
        }
        return AssignmentMember(
            id: id, instanceID: instanceID, topics: subscription.topics,
            owned: flat(subscription.ownedPartitions), generation: generation)
    }

    static func assignment(_ partitions: [TopicPartition]) throws(ClientError) -> ByteSlice {
        var assignment = ConsumerAssignment()
        assignment.assignedPartitions = grouped(partitions)
        do throws(WireError) {
            return try assignment.encoded()
        } catch {
            throw .wire(error)
        }
    }

    /// Reads an assignment; no bytes at all are no partitions.
    static func decodeAssignment(_ bytes: ByteSlice) throws(ClientError) -> [TopicPartition] {
        if bytes.isEmpty { return [] }
        do throws(WireError) {
            return flat(try ConsumerAssignment.decode(bytes).assignedPartitions).sorted()
        } catch {
            throw .wire(error)
        }
    }

    /// The topics in a member's metadata, for people to look at; none when it does not read.
    static func topics(_ metadata: ByteSlice) -> [String] {
        do throws(WireError) { return try ConsumerSubscription.decode(metadata).topics } catch {
            return []
        }
    }

    /// The partitions of an assignment, for people to look at; none when it does not read.
    static func partitions(_ assignment: ByteSlice) -> [TopicPartition] {
        do throws(ClientError) { return try decodeAssignment(assignment) } catch { return [] }
    }

    private static func grouped(
        _ partitions: [TopicPartition]
    ) -> [ConsumerSubscription.TopicPartitions] {
        let byTopic = Dictionary(grouping: partitions, by: \.topic)
        return byTopic.sorted { $0.key < $1.key }.map { topic, members in
            var entry = ConsumerSubscription.TopicPartitions()
            entry.topic = topic
            entry.partitions = members.map(\.partition).sorted()
            return entry
        }
    }

    private static func flat(
        _ topics: [ConsumerSubscription.TopicPartitions]
    ) -> [TopicPartition] {
        topics.flatMap { entry in
            entry.partitions.map { TopicPartition(topic: entry.topic, partition: $0) }
        }
    }
}
