internal import VarvePlatform
internal import VarveWire

/// WriteTxnMarkers (27): ends transactions of producers in partitions, as an administrator asks
/// who found one that nobody else will end. Answered when the markers are durable. Source: KIP-98,
/// KIP-664.
enum WriteTxnMarkersHandler: RequestHandler {
    typealias Request = WriteTxnMarkersRequest

    static func handle(
        _ request: WriteTxnMarkersRequest, context: RequestContext
    ) -> Reply<WriteTxnMarkersResponse> {
        let refusal =
            context.allows(.alter, .cluster) ? nil : context.refusal(.clusterAction, .cluster)
        var response = WriteTxnMarkersResponse()
        var asked: [(place: Place, of: WriteTxnMarkersRequest.Marker, TransactionPartition)] = []
        for (markerIndex, marker) in request.markers.enumerated() {
            var outcome = WriteTxnMarkersResponse.Marker()
            outcome.producerId = marker.producerId
            for (topicIndex, topic) in marker.topics.enumerated() {
                outcome.topics.append(
                    WriteTxnMarkersResponse.Topic {
                        $0.name = topic.name
                        $0.partitions = topic.partitionIndexes.map { index in
                            WriteTxnMarkersResponse.Partition {
                                $0.partitionIndex = index
                                $0.errorCode = refusal ?? .none
                            }
                        }
                    })
                for (partitionIndex, index) in topic.partitionIndexes.enumerated() {
                    asked.append(
                        (
                            Place(
                                marker: markerIndex, topic: topicIndex, partition: partitionIndex),
                            marker, TransactionPartition(topic: topic.name, index: index)
                        ))
                }
            }
            response.markers.append(outcome)
        }
        if asked.isEmpty || refusal != nil { return .now(response) }
        let slot = context.slot(WriteTxnMarkersRequest.self)
        let pending = Lock((response: response, left: asked.count))
        for (place, marker, partition) in asked {
            context.broker.transactions.writeMarker(
                commits: marker.transactionResult, coordinatorEpoch: marker.coordinatorEpoch,
                of: ProducerIdentity(id: marker.producerId, epoch: marker.producerEpoch),
                into: partition
            ) { error in
                let all = pending.withLock { pending -> WriteTxnMarkersResponse? in
                    pending.response.markers[place.marker].topics[place.topic]
                        .partitions[place.partition].errorCode = error
                    pending.left -= 1
                    return pending.left == 0 ? pending.response : nil
                }
                if let all { slot.complete(all) }
            }
        }
        return .later
    }

    /// Where a partition's outcome stands in the response.
    private struct Place {
        let marker: Int
        let topic: Int
        let partition: Int
    }
}
