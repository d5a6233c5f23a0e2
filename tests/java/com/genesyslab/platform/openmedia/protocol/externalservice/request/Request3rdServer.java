// A stand-in of this project's own: public names alone, none of the vendor's code (docs/transports.md).
package com.genesyslab.platform.openmedia.protocol.externalservice.request;

import com.genesyslab.platform.commons.collections.KeyValueCollection;
import com.genesyslab.platform.commons.protocol.Message;

public class Request3rdServer implements Message {
    private final KeyValueCollection request;
    private final KeyValueCollection userData;
    private int referenceId;

    private Request3rdServer(KeyValueCollection request, KeyValueCollection userData) {
        this.request = request;
        this.userData = userData;
    }

    public static Request3rdServer create(KeyValueCollection request, KeyValueCollection userData) {
        return new Request3rdServer(request, userData);
    }

    @Override
    public int messageId() {
        return 500;
    }

    public int getReferenceId() {
        return referenceId;
    }

    public void setReferenceId(int referenceId) {
        this.referenceId = referenceId;
    }

    public KeyValueCollection getRequest() {
        return request;
    }

    public KeyValueCollection getUserData() {
        return userData;
    }
}
