// A stand-in of this project's own: public names alone, none of the vendor's code (docs/poller.md).
package com.genesyslab.platform.openmedia.protocol.interactionserver.requests;

import standin.IxnRequest;

public class RequestTakeSnapshot extends IxnRequest {
    public static RequestTakeSnapshot create() {
        return new RequestTakeSnapshot();
    }

    public void setCondition(String value) {
        fields.put("condition", value);
    }

    public void setCheckInteractionsState(Boolean value) {
        fields.put("checkInteractionsState", value);
    }

    public void setLock(Boolean value) {
        fields.put("lock", value);
    }
}
