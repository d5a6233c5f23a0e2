// A stand-in of this project's own: public names alone, none of the vendor's code (docs/poller.md).
package com.genesyslab.platform.openmedia.protocol.interactionserver.requests;

import standin.IxnRequest;

public class RequestRegisterClient extends IxnRequest {
    public static RequestRegisterClient create() {
        return new RequestRegisterClient();
    }

    public void setClientType(Integer value) {
        fields.put("clientType", value);
    }

    public void setClientName(String value) {
        fields.put("clientName", value);
    }
}
