internal import VarveWire

/// UpdateFeatures (57): no feature can be changed while the broker runs, and it says how else.
/// Source: KIP-584, KIP-778.
enum UpdateFeaturesHandler: RequestHandler {
    typealias Request = UpdateFeaturesRequest

    static func handle(
        _ request: UpdateFeaturesRequest, context: RequestContext
    ) -> Reply<UpdateFeaturesResponse> {
        if let error = context.refusal(.alter, .cluster) {
            return .now(UpdateFeaturesResponse { $0.errorCode = error })
        }
        var response = UpdateFeaturesResponse()
        guard let first = request.featureUpdates.first else {
            response.errorCode = .invalidRequest
            response.errorMessage = "no feature is named"
            return .now(response)
        }
        func reason(_ feature: String) -> String {
            feature == "transaction.version"
                ? "\(feature) is what varve.transaction.version is set to at the broker's start"
                : "there is no feature \(feature) here"
        }
        // From version 2 on the first failure is the answer to all of them.
        guard context.version < 2 else {
            response.errorCode = .invalidUpdateVersion
            response.errorMessage = reason(first.feature)
            return .now(response)
        }
        response.results = request.featureUpdates.map { update in
            .init {
                $0.feature = update.feature
                $0.errorCode = .invalidUpdateVersion
                $0.errorMessage = reason(update.feature)
            }
        }
        return .now(response)
    }
}
