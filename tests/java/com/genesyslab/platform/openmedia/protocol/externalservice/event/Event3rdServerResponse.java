// A stand-in of this project's own: public names alone, none of the vendor's code (docs/transports.md).
package com.genesyslab.platform.openmedia.protocol.externalservice.event;

import com.genesyslab.platform.commons.collections.KeyValueCollection;
import com.genesyslab.platform.commons.protocol.Message;

public class Event3rdServerResponse implements Message {
    private final int referenceId;
    private final KeyValueCollection request;

    public Event3rdServerResponse(int referenceId, KeyValueCollection request) {
        this.referenceId = referenceId;
        this.request = request;
    }

    @Override
    public int messageId() {
        return 501;
    }

    public int getReferenceId() {
        return referenceId;
    }

    public KeyValueCollection getRequest() {
        return request;
    }
}
