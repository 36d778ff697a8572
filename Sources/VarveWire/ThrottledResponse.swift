/// A response that can tell its client how long to pause (KIP-13, KIP-219).
package protocol ThrottledResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    var throttleTimeMs: Int32 { get set }
}

extension AlterClientQuotasResponse: ThrottledResponse {}
extension AlterConfigsResponse: ThrottledResponse {}
extension AlterPartitionReassignmentsResponse: ThrottledResponse {}
extension AlterReplicaLogDirsResponse: ThrottledResponse {}
extension AlterUserScramCredentialsResponse: ThrottledResponse {}
extension ApiVersionsResponse: ThrottledResponse {}
extension CreateAclsResponse: ThrottledResponse {}
extension CreatePartitionsResponse: ThrottledResponse {}
extension CreateTopicsResponse: ThrottledResponse {}
extension DeleteAclsResponse: ThrottledResponse {}
extension DeleteGroupsResponse: ThrottledResponse {}
extension DeleteRecordsResponse: ThrottledResponse {}
extension DeleteTopicsResponse: ThrottledResponse {}
extension DescribeAclsResponse: ThrottledResponse {}
extension DescribeClientQuotasResponse: ThrottledResponse {}
extension DescribeClusterResponse: ThrottledResponse {}
extension DescribeConfigsResponse: ThrottledResponse {}
extension DescribeGroupsResponse: ThrottledResponse {}
extension DescribeLogDirsResponse: ThrottledResponse {}
extension DescribeTopicPartitionsResponse: ThrottledResponse {}
extension DescribeUserScramCredentialsResponse: ThrottledResponse {}
extension ElectLeadersResponse: ThrottledResponse {}
extension FetchResponse: ThrottledResponse {}
extension FindCoordinatorResponse: ThrottledResponse {}
extension HeartbeatResponse: ThrottledResponse {}
extension InitProducerIdResponse: ThrottledResponse {}
extension JoinGroupResponse: ThrottledResponse {}
extension LeaveGroupResponse: ThrottledResponse {}
extension ListConfigResourcesResponse: ThrottledResponse {}
extension ListGroupsResponse: ThrottledResponse {}
extension ListOffsetsResponse: ThrottledResponse {}
extension ListPartitionReassignmentsResponse: ThrottledResponse {}
extension MetadataResponse: ThrottledResponse {}
extension OffsetCommitResponse: ThrottledResponse {}
extension OffsetDeleteResponse: ThrottledResponse {}
extension OffsetFetchResponse: ThrottledResponse {}
extension OffsetForLeaderEpochResponse: ThrottledResponse {}
extension ProduceResponse: ThrottledResponse {}
extension SyncGroupResponse: ThrottledResponse {}
extension UpdateFeaturesResponse: ThrottledResponse {}
extension AddOffsetsToTxnResponse: ThrottledResponse {}
extension AddPartitionsToTxnResponse: ThrottledResponse {}
extension DescribeProducersResponse: ThrottledResponse {}
extension DescribeTransactionsResponse: ThrottledResponse {}
extension EndTxnResponse: ThrottledResponse {}
extension ListTransactionsResponse: ThrottledResponse {}
extension TxnOffsetCommitResponse: ThrottledResponse {}
