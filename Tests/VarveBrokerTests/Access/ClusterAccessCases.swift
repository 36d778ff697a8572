import Testing
import VarveWire

@testable import VarveBroker

extension AccessCases {
    /// APIs of the broker: its rules, replicas, quotas, users and features.
    static let cluster: [AccessCase] = [
        AccessCase(.describeAcls, [Right(.describe, .cluster)]) { kit in
            [
                try kit.ask { (request: inout DescribeAclsRequest) in
                    request.resourceTypeFilter = 1
                    request.operation = 1
                    request.permissionType = 1
                }.errorCode
            ]
        },
        AccessCase(.createAcls, [Right(.alter, .cluster)]) { kit in
            try kit.ask { (request: inout CreateAclsRequest) in
                request.creations = [
                    .init {
                        $0.resourceType = 3
                        $0.resourceName = "zzz"
                        $0.principal = "User:zzz"
                        $0.host = "*"
                        $0.operation = 3
                        $0.permissionType = 3
                    }
                ]
            }.results.map(\.errorCode)
        },
        AccessCase(.deleteAcls, [Right(.alter, .cluster)]) { kit in
            try kit.ask { (request: inout DeleteAclsRequest) in
                request.filters = [
                    .init {
                        $0.resourceTypeFilter = 3
                        $0.resourceNameFilter = "zzz"
                        $0.operation = 1
                        $0.permissionType = 1
                    }
                ]
            }.filterResults.map(\.errorCode)
        },
        AccessCase(.alterReplicaLogDirs, [Right(.alter, .cluster)]) { kit in
            let path = kit.broker.directory
            return try kit.ask { (request: inout AlterReplicaLogDirsRequest) in
                request.dirs = [
                    .init {
                        $0.path = path
                        $0.topics = [
                            .init {
                                $0.name = "t"
                                $0.partitions = [0]
                            }
                        ]
                    }
                ]
            }.results.flatMap { $0.partitions.map(\.errorCode) }
        },
        AccessCase(.describeLogDirs, [Right(.describe, .cluster)]) { kit in
            let answer = try kit.ask { (request: inout DescribeLogDirsRequest) in
                request.topics = nil
            }
            #expect(answer.results.isEmpty == (answer.errorCode != .none))
            return [answer.errorCode]
        },
        AccessCase(.electLeaders, [Right(.alter, .cluster)]) { kit in
            [try kit.ask { (_: inout ElectLeadersRequest) in }.errorCode]
        },
        AccessCase(.alterPartitionReassignments, [Right(.alter, .cluster)]) { kit in
            [try kit.ask { (_: inout AlterPartitionReassignmentsRequest) in }.errorCode]
        },
        AccessCase(.listPartitionReassignments, [Right(.describe, .cluster)]) { kit in
            [try kit.ask { (_: inout ListPartitionReassignmentsRequest) in }.errorCode]
        },
        AccessCase(.describeClientQuotas, [Right(.describeConfigs, .cluster)]) { kit in
            [try kit.ask { (_: inout DescribeClientQuotasRequest) in }.errorCode]
        },
        AccessCase(.alterClientQuotas, [Right(.alterConfigs, .cluster)]) { kit in
            try kit.ask { (request: inout AlterClientQuotasRequest) in
                request.entries = [
                    .init {
                        $0.entity = [
                            .init {
                                $0.entityType = "user"
                                $0.entityName = "nobody"
                            }
                        ]
                    }
                ]
            }.entries.map(\.errorCode)
        },
        AccessCase(.describeUserScramCredentials, [Right(.describe, .cluster)]) { kit in
            [try kit.ask { (_: inout DescribeUserScramCredentialsRequest) in }.errorCode]
        },
        AccessCase(.alterUserScramCredentials, [Right(.alter, .cluster)]) { kit in
            try kit.ask { (request: inout AlterUserScramCredentialsRequest) in
                request.deletions = [.init { $0.name = "a" }]
                request.upsertions = [.init { $0.name = "b" }]
            }.results.map(\.errorCode)
        },
        AccessCase(.describeQuorum, [Right(.describe, .cluster)]) { kit in
            [try kit.ask { (_: inout DescribeQuorumRequest) in }.errorCode]
        },
        AccessCase(.updateFeatures, [Right(.alter, .cluster)]) { kit in
            [
                try kit.ask { (request: inout UpdateFeaturesRequest) in
                    request.featureUpdates = [.init { $0.feature = "f" }]
                }.errorCode
            ]
        },
        AccessCase(.listConfigResources, [Right(.describeConfigs, .cluster)]) { kit in
            [try kit.ask { (_: inout ListConfigResourcesRequest) in }.errorCode]
        },
    ]
}
